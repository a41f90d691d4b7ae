import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeAwkward } from '../support/awkward.js';
import { depot, json } from '../support/cli.js';
import { tempDir } from '../support/cleanup.js';
import { Gnupg, type KeyOptions } from '../support/gnupg.js';
import { peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { freshPath, makeKey, Supplier, type SupplierOptions } from '../support/supplier.js';
import { differences } from '../support/tree.js';

const have = peers('sshd', 'ssh-keygen', 'gpg', 'gpgconf', 'tar', 'zstd', 'gzip', 'sha256sum');
const sequoia = peers('sq', 'sqop');

let server: Sshd;
let gnupg: Gnupg;

describe.skipIf(!have)('recipients that GnuPG made', () => {
  beforeAll(async () => {
    server = await startSshd();
    gnupg = Gnupg.create();
  });

  async function supplierFor(key: KeyOptions, options: SupplierOptions = {}) {
    const fingerprint = await gnupg.generate({
      name: `${key.kind ?? 'curve25519'} ${Math.random().toString(36).slice(2)} <ict@voorbeeld.example>`,
      ...key,
    });
    const supplier = await Supplier.create(server, {
      beneficiaries: [{ key: await gnupg.exportPublic(fingerprint), fingerprint }],
      ...options,
    });
    writeFileSync(join(supplier.data, 'ledger.csv'), 'a;b\n1;2\n');
    return { supplier, fingerprint };
  }

  test.each([
    ['curve25519', 'auto'],
    ['rsa3072', 'gzip'],
    ['nistp256', 'none'],
    ['rsa2048', 'gzip'],
  ] as const)('%s, compression %s: the lines of its cover open it, depot not needed', async (kind, compression) => {
    const { supplier } = await supplierFor({ kind }, { arrangement: { compression } });
    makeAwkward(supplier.data);
    const { stderr } = await supplier.depot(['push']);
    expect(stderr.includes('warning')).toBe(kind === 'rsa2048'); // too short a key for new deposits, and still usable
    const [deposit] = supplier
      .stateFiles()
      .filter((name) => name.endsWith('.receipt.json'))
      .map(
        (name) =>
          JSON.parse(readFileSync(join(supplier.state, 'acme-crm', name), 'utf8')) as {
            suitcase: { name: string; sha256: string };
          },
      );
    const directory = freshPath('released');
    mkdirSync(directory);
    const id = deposit.suitcase.name.split('.')[0];
    for (const name of server.names().filter((n) => n.startsWith(id)))
      writeFileSync(join(directory, name), readFileSync(join(server.incoming, name)));
    await gnupg.import(readFileSync(supplier.signerPublic));
    // The second block of the cover, in the order of its languages: depot, without, depot, without.
    const [, lines] = [
      ...readFileSync(join(directory, `${id}.cover.md`), 'utf8').matchAll(/^```sh\n([^]*?)\n```$/gm),
    ].map((m) => m[1]);
    // Nobody is asked here, and whose keys they are is known.
    writeFileSync(join(gnupg.home, 'gpg.conf'), 'trust-model always\n');
    await mustRun('bash', ['-c', lines.replace('FINGERPRINT', supplier.signer.fingerprint)], {
      cwd: directory,
      env: gnupg.env,
    });
    expect(await differences(supplier.data, join(directory, 'new/data/data'))).toEqual([]);
    expect(readFileSync(join(directory, 'new/DEPOT/README.md'), 'utf8')).toContain('cat ');
  });

  test.each<[string, KeyOptions, ((fingerprint: string) => Promise<void>)?]>([
    ['expired', { at: '20200101T000000', expires: '1y' }],
    ['revoked', {}, (f) => gnupg.revoke(f)],
    ['revoked under SHA-1', {}, (f) => gnupg.revoke(f, { digest: 'SHA1', reason: 'compromised' })],
    ['revoked as superseded', {}, (f) => gnupg.revoke(f, { reason: 'superseded' })],
    ['sign-only', { kind: 'sign-only' }],
    ['RSA under 2048 bits', { kind: 'rsa1024' }],
    ['DSA and ElGamal', { kind: 'dsa2048' }],
    ['SHA-1 self-signatures', { digest: 'SHA1' }],
  ])('%s: exit 20, and nothing is at the agent', async (_, key, change) => {
    const before = server.names();
    const fingerprint = await gnupg.generate({ name: `Unusable ${Math.random()} <no@voorbeeld.example>`, ...key });
    await change?.(fingerprint);
    const started = join(tempDir(), 'a source was started');
    const supplier = await Supplier.create(server, {
      beneficiaries: [{ key: await gnupg.exportPublic(fingerprint), fingerprint }],
      dataset: [{ command: ['touch', started], as: 'x', allowEmpty: true }],
    });
    const { code, result } = await supplier.push();
    expect(result.error).toMatchObject({ code: 'recipient-unusable', exit: 20, published: 'no' });
    expect(result.error!.hint).not.toBe('');
    expect(code).toBe(20);
    expect(() => readFileSync(started)).toThrow(/ENOENT/);
    expect(server.names()).toEqual(before);
  });

  test('the right key under another fingerprint is refused', async () => {
    const { supplier } = await supplierFor({});
    const other = await gnupg.generate({ name: 'Another <other@voorbeeld.example>' });
    supplier.writeConfig({ beneficiaries: [{ key: await gnupg.exportPublic(other), fingerprint: 'A'.repeat(40) }] });
    expect((await supplier.push()).result.error).toMatchObject({ exit: 20, published: 'no' });
  });

  test('two beneficiaries each open it with their own key, and a third cannot', async () => {
    const first = await gnupg.generate({ name: 'One <one@voorbeeld.example>' });
    const second = await makeKey(join(tempDir(), 'two'), 'Two', 'compat');
    const supplier = await Supplier.create(server, {
      beneficiaries: [
        { key: await gnupg.exportPublic(first), fingerprint: first },
        { key: readFileSync(second.publicKey), fingerprint: second.fingerprint },
      ],
    });
    writeFileSync(join(supplier.data, 'x'), 'for two');
    const deposit = await supplier.deposit();
    const suitcase = readFileSync(join(server.incoming, deposit.suitcase));
    expect((await gnupg.decrypt(suitcase)).length).toBeGreaterThan(512);
    const opened = await supplier.depot([
      'decrypt',
      join(server.incoming, deposit.suitcase),
      '--key',
      second.secretKey,
      '--out',
      freshPath(),
    ]);
    expect(opened.code).toBe(0);
    expect(opened.stdout + opened.stderr).toMatch(/origin\s+not proven/);
    const third = await supplier.depot([
      'decrypt',
      join(server.incoming, deposit.suitcase),
      '--key',
      supplier.recipientKey,
      '--out',
      freshPath(),
      '--json',
    ]);
    expect(third.code).toBe(22);
    expect(json(third).error!.code).toBe('not-addressed');
  });
});

describe.skipIf(!have)('messages that other programs made', () => {
  async function tarOf(directory: string): Promise<Buffer> {
    return (await mustRun('tar', ['-C', directory, '--format=pax', '-cf', '-', '.'])).bytes;
  }

  test('a gpg message with a tar opens; for a compressed or password-only one, the error has the line that opens it', async () => {
    const gpg = Gnupg.create();
    const directory = tempDir();
    writeFileSync(join(directory, 'a'), 'made by tar and gpg');
    const tar = await tarOf(directory);
    for (const kind of ['curve25519', 'rsa3072'] as const) {
      const fingerprint = await gpg.generate({ kind, name: `${kind} <k@voorbeeld.example>` });
      const [message, key] = [join(directory, `../${kind}-${process.pid}.pgp`), freshPath('key.asc')];
      writeFileSync(key, await gpg.exportSecret(fingerprint), { mode: 0o600 });
      const write = (bytes: Uint8Array) => {
        const file = freshPath('message.pgp');
        writeFileSync(file, bytes);
        return file;
      };
      expect(message).toContain(kind);
      const out = freshPath();
      const opened = await depot(['decrypt', write(await gpg.encrypt(tar, [fingerprint])), '--key', key, '--out', out]);
      expect(opened.code, opened.stderr).toBe(0);
      expect(readFileSync(join(out, 'a'), 'utf8')).toBe('made by tar and gpg');

      for (const args of [
        ['--compress-algo', 'zlib'],
        ['--compress-algo', 'none', '--sign', '-u', fingerprint],
      ]) {
        const refused = await depot([
          'decrypt',
          write(await gpg.encrypt(tar, [fingerprint], args)),
          '--key',
          key,
          '--out',
          freshPath(),
          '--json',
        ]);
        expect(refused.code).toBe(21);
        expect(json(refused).error!.hint).toContain('gpg -d');
      }
      const symmetric = (
        await gpg.must(['--passphrase', 'x', '--compress-algo', 'none', '--symmetric'], { input: tar })
      ).bytes;
      const refused = await depot(['decrypt', write(symmetric), '--key', key, '--out', freshPath(), '--json']);
      expect(json(refused).error!.hint).toContain('gpg -d');
      const old = (
        await gpg
          .must(
            [
              '--rfc2440',
              '--disable-mdc',
              '--cipher-algo',
              'AES256',
              '--compress-algo',
              'none',
              '-r',
              fingerprint,
              '--encrypt',
            ],
            { input: tar },
          )
          .catch(() => null)
      )?.bytes;
      if (old !== undefined)
        expect((await depot(['decrypt', write(old), '--key', key, '--out', freshPath()])).code).toBe(21);
    }
  });

  test.skipIf(!sequoia)('a Sequoia message with a tar opens, and Sequoia opens ours', async () => {
    const directory = tempDir();
    writeFileSync(join(directory, 'a'), 'made by tar and sqop');
    const key = (await mustRun(sequoia!.sqop, ['generate-key', 'Gemeente <g@voorbeeld.example>'])).bytes;
    const cert = (await mustRun(sequoia!.sqop, ['extract-cert'], { input: key })).bytes;
    const files = tempDir();
    writeFileSync(join(files, 'key'), key, { mode: 0o600 });
    writeFileSync(join(files, 'cert'), cert);
    const message = (
      await mustRun(sequoia!.sqop, ['encrypt', '--no-armor', join(files, 'cert')], { input: await tarOf(directory) })
    ).bytes;
    writeFileSync(join(files, 'message'), message);
    const out = freshPath();
    const opened = await depot(['decrypt', join(files, 'message'), '--key', join(files, 'key'), '--out', out]);
    expect(opened.code, opened.stderr).toBe(0);
    expect(readFileSync(join(out, 'a'), 'utf8')).toBe('made by tar and sqop');

    const host = await startSshd();
    const shown = await depot(['key', 'show', join(files, 'cert'), '--json']);
    const { fingerprint } = JSON.parse(shown.stdout) as { fingerprint: string };
    const supplier = await Supplier.create(host, {
      beneficiaries: [{ key: cert, fingerprint }],
      arrangement: { compression: 'none' },
    });
    writeFileSync(join(supplier.data, 'b'), 'made by depot');
    const deposit = await supplier.deposit();
    const tar = await mustRun(sequoia!.sqop, ['decrypt', join(files, 'key')], {
      input: readFileSync(join(host.incoming, deposit.suitcase)),
    });
    const unpacked = tempDir();
    await mustRun('tar', ['-x', '-C', unpacked], { input: tar.bytes });
    expect(readFileSync(join(unpacked, 'data/data/b'), 'utf8')).toBe('made by depot');
  });
});
