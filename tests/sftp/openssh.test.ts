import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connect } from '../../src/sftp/remote.js';
import type { Remote } from '../../src/sftp/remote.js';
import { scanHostKeys } from '../../src/sftp/scan.js';
import type { RemoteSpec } from '../../src/sftp/types.js';
import { cleanup } from '../support/cleanup.js';
import { asRoot, peer } from '../support/peers.js';
import { startSshd, type Sshd, type SshdOptions } from '../support/sshd.js';
import { blocksOf, content, deposit, failure, names, sha256, specFor, writeAll } from './support.js';

const MiB = 1024 * 1024;
const sshd = peer('sshd');
const root = sshd !== undefined && asRoot();
const never = new AbortController().signal;

async function connected(server: Sshd, more: Partial<RemoteSpec> = {}): Promise<Remote> {
  const login = server.log().includes('password') ? {} : { privateKey: readFileSync(server.privateKeyFile) };
  const remote = await connect(
    specFor(server, { directory: server.remoteDirectory, ...more }),
    { password: () => Promise.resolve(server.password), ...login },
    { signal: never, warn: () => undefined },
  );
  cleanup(() => remote.close());
  return remote;
}

async function both(
  options: SshdOptions = {},
  more: Partial<RemoteSpec> = {},
): Promise<{ server: Sshd; remote: Remote }> {
  const server = await startSshd(options);
  return { server, remote: await connected(server, more) };
}

function stored(server: Sshd, name = names.finalName): string {
  return sha256(readFileSync(join(server.incoming, name)));
}

describe.skipIf(sshd === undefined)('OpenSSH', () => {
  test('stores the same content over one lane and over four, and flushes it', async () => {
    const { server, remote } = await both();
    const bytes = content(16 * MiB + 1);
    const transfer = await deposit(remote, bytes);
    expect(transfer).toEqual({
      status: 'acknowledged',
      remoteSize: 'matched',
      durability: 'fsynced',
      remoteName: names.finalName,
    });
    expect(stored(server)).toBe(sha256(bytes));
    const four = await connected(server, { lanes: 4 });
    const upload = await four.createUpload({ partialName: '.y.partial', finalName: 'y' });
    await writeAll(upload, bytes, 999_999);
    await upload.complete({ beforeClose: async () => undefined });
    expect(stored(server, 'y')).toBe(sha256(bytes));
    expect(four.stats.lanes).toBe(4);
    expect(server.names()).toEqual([names.finalName, 'y']);
  });

  test('does not overwrite a file that exists, partial or published', async () => {
    const { server, remote } = await both();
    writeFileSync(join(server.incoming, names.partialName), 'theirs', { mode: 0o666 });
    expect(await failure(remote.createUpload(names))).toMatchObject({ code: 'remote-exists' });
    writeFileSync(join(server.incoming, 'taken'), 'theirs');
    const upload = await remote.createUpload({ partialName: '.z.partial', finalName: 'taken' });
    expect(await failure(upload.complete({ beforeClose: async () => undefined }))).toMatchObject({
      code: 'remote-exists',
    });
    expect(readFileSync(join(server.incoming, 'taken'), 'utf8')).toBe('theirs');
    expect(server.names()).toEqual([names.partialName, 'taken']);
  });

  test('the rename fails on an existing target even if depot may not look for it', async () => {
    const { server, remote } = await both({ sftp: ['-P', 'stat,lstat,fstat'] });
    writeFileSync(join(server.incoming, 'taken'), 'theirs');
    const upload = await remote.createUpload({ partialName: '.z.partial', finalName: 'taken' });
    expect(await failure(upload.complete({ beforeClose: async () => undefined }))).toMatchObject({
      code: 'remote-refused',
    });
    expect(readFileSync(join(server.incoming, 'taken'), 'utf8')).toBe('theirs');
  });

  test.each([
    [['-P', 'stat,lstat,fstat'], { remoteSize: 'unreadable', durability: 'fsynced' }],
    [
      ['-P', 'stat,lstat,fstat,fsync,limits,statvfs,remove,realpath,opendir,readdir,mkdir,setstat,fsetstat'],
      { remoteSize: 'unreadable', durability: 'acknowledged-only' },
    ],
    [['-p', 'open,close,write,rename'], { remoteSize: 'unreadable', durability: 'acknowledged-only' }],
    [['-P', 'fsync'], { remoteSize: 'matched', durability: 'size-checked' }],
  ])('a deposit to internal-sftp %j says what could be checked', async (sftp, expected) => {
    const { server, remote } = await both({ sftp });
    const bytes = content(3 * MiB);
    expect(await deposit(remote, bytes)).toMatchObject({ status: 'acknowledged', ...expected });
    expect(stored(server)).toBe(sha256(bytes));
  });

  test('if rename is denied, the hint is publish: direct, and that works', async () => {
    const { server, remote } = await both({ sftp: ['-P', 'rename'] });
    expect(await failure(deposit(remote, content(1000)))).toMatchObject({
      code: 'remote-permission',
      hint: expect.stringContaining('direct'),
    });
    expect(server.names()).toEqual([]);
    const direct = await connected(server, { publish: 'direct' });
    expect((await deposit(direct, content(1000))).status).toBe('acknowledged');
    expect(server.names()).toEqual([names.finalName]);
  });

  test('tells a missing directory from a read-only server', async () => {
    const { server } = await both();
    const elsewhere = await connected(server, { directory: `${server.remoteDirectory}/nowhere` });
    expect(await failure(elsewhere.createUpload(names))).toMatchObject({ code: 'remote-no-directory' });
    const readOnly = await both({ sftp: ['-R'] });
    expect(await failure(readOnly.remote.createUpload(names))).toMatchObject({ code: 'remote-permission' });
  });

  test('with MaxSessions 1, a deposit gets one lane', async () => {
    const { server, remote } = await both({ config: ['MaxSessions 1'] }, { lanes: 4 });
    const bytes = content(16 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(remote.stats.lanes).toBe(1);
    expect(stored(server)).toBe(sha256(bytes));
  });

  test('a deposit survives a new key exchange every 4 MiB', async () => {
    const { server, remote } = await both({ config: ['RekeyLimit 4M'] }, { lanes: 3 });
    const bytes = content(14 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(stored(server)).toBe(sha256(bytes));
    expect(remote.stats.reconnects).toBe(0);
  });

  test.each(['drop', 'restart', 'stall'] as const)(
    'a deposit over four lanes survives a %s in the middle',
    async (fault) => {
      const { server, remote } = await both({}, { lanes: 4, stallMs: 700, retryForMs: 20_000 });
      const bytes = content(20 * MiB);
      const upload = await remote.createUpload(names);
      for (const [i, block] of blocksOf(bytes).entries()) {
        await upload.write(block);
        if (i !== 9) continue;
        if (fault === 'drop') await server.dropSessions();
        else if (fault === 'stall') server.signalSessions('SIGSTOP');
        else {
          await server.kill();
          await server.start();
        }
      }
      expect((await upload.complete({ beforeClose: async () => undefined })).status).toBe('acknowledged');
      expect(stored(server)).toBe(sha256(bytes));
      expect(server.names()).toEqual([names.finalName]);
      expect(remote.stats.reconnects).toBeGreaterThan(0);
    },
  );

  test('a scan gives the fingerprints that ssh-keygen gives', async () => {
    const server = await startSshd({ hostKeys: ['ed25519', 'ecdsa'] });
    const keys = await scanHostKeys(server.host, server.port, { timeoutMs: 5000, signal: never });
    expect(keys.map((key) => key.fingerprint)).toEqual(server.fingerprints);
  });
});

describe.skipIf(!root)('OpenSSH with users of its own', () => {
  test.each(['password', 'keyboard-interactive'] as const)(
    'a deposit by %s into a chroot arrives, though a mover collects it; a wrong password is refused',
    async (login) => {
      const server = await startSshd({ login, chroot: true, mover: (name) => !name.startsWith('.') });
      const spec = specFor(server, { directory: server.remoteDirectory });
      const remote = await connect(
        spec,
        { password: () => Promise.resolve(server.password) },
        { signal: never, warn: () => undefined },
      );
      cleanup(() => remote.close());
      const bytes = content(MiB);
      expect((await deposit(remote, bytes)).status).toBe('acknowledged');
      await expect.poll(() => server.collectedNames()).toEqual([names.finalName]);
      expect(sha256(readFileSync(join(server.collected, names.finalName)))).toBe(sha256(bytes));
      expect(
        await failure(
          connect(spec, { password: () => Promise.resolve('wrong') }, { signal: never, warn: () => undefined }),
        ),
      ).toMatchObject({ code: 'login-refused' });
    },
  );

  test('a full disk is reported as remote-no-space, and the partial removed', async () => {
    const { server, remote } = await both({ tmpfs: '8m' });
    const upload = await remote.createUpload(names);
    expect(await failure(writeAll(upload, content(20 * MiB)))).toMatchObject({
      code: 'remote-no-space',
      published: 'no',
    });
    expect(await upload.abandon()).toEqual({ removed: true, mayAppear: false });
    expect(server.names()).toEqual([]);
  });
});
