import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { DepotError } from '../../src/errors.js';
import { Secret } from '../../src/secret.js';
import type { Keychain } from '../../src/secrets/request.js';
import { findUsername, forgetSecret, forgetUsername, storeSecret, storeUsername } from '../../src/secrets/login.js';
import { findSecret } from '../../src/secrets/lookup.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot } from '../support/peers.js';
import { onWindows, privateDirectory, privateFile } from '../support/platform.js';

const account = { username: 'acme', host: '10.20.0.5', port: 22 };
const secret = new Secret('hunter2');

function target(more: Partial<Parameters<typeof storeSecret>[2]> = {}): Parameters<typeof storeSecret>[2] {
  return { kind: 'password', account, configDirectory: tempDir('login'), env: {}, keychains: [], ...more };
}

async function failure(promise: Promise<unknown>): Promise<DepotError> {
  return promise.then(
    () => expect.fail('it was stored'),
    (error: unknown) => error as DepotError,
  );
}

class Memory implements Keychain {
  readonly items = new Map<string, string>();
  constructor(readonly name: string) {}
  get(name: string): Promise<Secret | null> {
    const value = this.items.get(name);
    return Promise.resolve(value === undefined ? null : new Secret(value));
  }
  set(name: string, value: Secret): Promise<void> {
    this.items.set(name, value.reveal());
    return Promise.resolve();
  }
  delete(name: string): Promise<boolean> {
    return Promise.resolve(this.items.delete(name));
  }
}

describe('depot login to a file', () => {
  test('stores the secret in a private file, where depot finds it, and leaves no other file', async () => {
    const t = target();
    const stored = await storeSecret('file', secret, t);
    const path = join(t.configDirectory, 'secrets/acme@10.20.0.5.password');
    expect(stored).toMatchObject({ to: 'file', where: path, account: 'acme@10.20.0.5:22', lines: [], warnings: [] });
    expect(stored.readableBy).toMatch(/its scheduled runs/);
    expect(readFileSync(path, 'utf8')).toBe('hunter2\n');
    if (process.platform !== 'win32') {
      expect(statSync(path).mode & 0o777).toBe(privateFile);
      expect(statSync(join(t.configDirectory, 'secrets')).mode & 0o777).toBe(privateDirectory);
    }
    expect(readdirSync(join(t.configDirectory, 'secrets'))).toEqual(['acme@10.20.0.5.password']);
    expect((await findSecret({ ...t, refs: {}, needed: { run: 1, server: 1 } }))?.value.reveal()).toBe('hunter2');
    await storeSecret('file', new Secret('changed'), t);
    expect(
      (await findSecret({ ...t, refs: {}, needed: { run: 3, server: 1 } }))?.value.reveal(),
      'the file names its account, so it serves a run with several',
    ).toBe('changed');
  });

  test.skipIf(onWindows)('sets the same modes whatever the umask is', async () => {
    for (const mask of [0o000, 0o777]) {
      const t = target();
      const before = process.umask(mask);
      try {
        await storeSecret('file', secret, t);
      } finally {
        process.umask(before);
      }
      expect(statSync(join(t.configDirectory, 'secrets/acme@10.20.0.5.password')).mode & 0o777).toBe(privateFile);
      expect(statSync(join(t.configDirectory, 'secrets')).mode & 0o777).toBe(privateDirectory);
    }
  });

  test('gives two accounts at one server a file each', async () => {
    const t = target({ needed: { run: 2, server: 2 } });
    await storeSecret('file', secret, t);
    await storeSecret('file', new Secret('other'), { ...t, account: { ...account, username: 'b/b' } });
    expect(readdirSync(join(t.configDirectory, 'secrets')).sort()).toEqual([
      'acme@10.20.0.5.password',
      'b=2Fb@10.20.0.5.password',
    ]);
    expect((await findSecret({ ...t, refs: {}, needed: { run: 1, server: 1 } }))?.value.reveal()).toBe('hunter2');
  });

  test("replaces the server's file of an earlier depot if it can only be for this account; else it stays, with a warning", async () => {
    for (const server of [1, 2]) {
      const t = target({ needed: { run: server, server } });
      const old = join(t.configDirectory, 'secrets/10.20.0.5.password');
      mkdirSync(join(t.configDirectory, 'secrets'), { mode: 0o700 });
      writeFileSync(old, 'old', { mode: 0o600 });
      const { warnings } = await storeSecret('file', secret, t);
      expect(existsSync(old)).toBe(server === 2);
      expect(warnings).toEqual(
        server === 1
          ? []
          : [`${old} has no user name in its name and is no longer used: remove it once every account has its own`],
      );
      expect((await findSecret({ ...t, refs: {}, needed: { run: 1, server } }))?.value.reveal()).toBe('hunter2');
    }
  });

  test('removes an older secret from the keychain', async () => {
    const keychain = new Memory('test');
    keychain.items.set('acme@10.20.0.5:22', 'old');
    const t = target({ keychains: [keychain] });
    expect((await storeSecret('file', secret, t)).warnings).toEqual([]);
    expect(keychain.items.size).toBe(0);
  });

  test('warns of sources that take precedence', async () => {
    const t = target({ env: { DEPOT_PASSWORD: 'x' }, refs: { command: ['pass'] } });
    expect((await storeSecret('file', secret, t)).warnings).toEqual([
      'DEPOT_PASSWORD comes first and will be used instead',
      'command pass comes first and will be used instead',
    ]);
  });

  test('replaces a symbolic link in place of the file, and does not follow it', async () => {
    const t = target();
    mkdirSync(join(t.configDirectory, 'secrets'), { mode: 0o700 });
    const elsewhere = join(t.configDirectory, 'elsewhere');
    writeFileSync(elsewhere, 'untouched');
    symlinkSync(elsewhere, join(t.configDirectory, 'secrets/acme@10.20.0.5.password'));
    await storeSecret('file', secret, t);
    expect(readFileSync(elsewhere, 'utf8')).toBe('untouched');
  });

  test.skipIf(process.platform === 'win32')('refuses a directory that others can write to', async () => {
    const t = target();
    mkdirSync(join(t.configDirectory, 'secrets'));
    chmodSync(join(t.configDirectory, 'secrets'), 0o777);
    expect(await failure(storeSecret('file', secret, t))).toMatchObject({
      code: 'secret-insecure',
      hint: `«chmod 700 ${join(t.configDirectory, 'secrets')}»`,
    });
    expect(readdirSync(join(t.configDirectory, 'secrets'))).toEqual([]);
  });

  test.skipIf(!asRoot())('as root, gives the file to the owner of the directory', async () => {
    const t = target();
    const directory = join(t.configDirectory, 'secrets');
    mkdirSync(directory, { mode: 0o700 });
    chownSync(directory, 4711, 4712);
    const stored = await storeSecret('file', secret, t);
    expect(statSync(stored.where)).toMatchObject({ uid: 4711, gid: 4712 });
    expect(statSync(stored.where).mode & 0o777).toBe(privateFile);
    expect(stored.readableBy).toContain('uid 4711 and root');
  });

  test.skipIf(!asRoot())('fails if this account may not write to the directory', async () => {
    const t = target();
    chmodSync(t.configDirectory, 0o755);
    process.seteuid?.(4711);
    try {
      expect(await failure(storeSecret('file', secret, t))).toMatchObject({
        code: 'local-not-writable',
        exit: 5,
        message: expect.stringContaining('EACCES'),
      });
    } finally {
      process.seteuid?.(0);
    }
  });
});

describe('depot login to the keychain', () => {
  test('stores in the first keychain, and removes from the second', async () => {
    const [first, second] = [new Memory('first'), new Memory('second')];
    second.items.set('acme@10.20.0.5:22', 'old');
    const stored = await storeSecret('keychain', secret, target({ keychains: [first, second] }));
    expect(first.items.get('acme@10.20.0.5:22')).toBe('hunter2');
    expect(second.items.size).toBe(0);
    expect(stored).toMatchObject({ to: 'keychain', warnings: [] });
    expect(stored.readableBy).not.toMatch(/its scheduled runs/);
  });

  test('warns of a file that takes precedence', async () => {
    const t = target({ keychains: [new Memory('first')] });
    mkdirSync(join(t.configDirectory, 'secrets'), { mode: 0o700 });
    writeFileSync(join(t.configDirectory, 'secrets/10.20.0.5.password'), 'x', { mode: 0o600 });
    expect((await storeSecret('keychain', secret, t)).warnings).toEqual([
      `${join(t.configDirectory, 'secrets/10.20.0.5.password')} comes first and will be used instead`,
    ]);
  });

  test.each<[string, (keychain: Memory) => void]>([
    [
      'a write fails after it has written',
      (k) => {
        const set = k.set.bind(k);
        k.set = async (name, value) => {
          await set(name, value);
          throw new Error('no such interface');
        };
      },
    ],
    ['the secret cannot be read back', (k) => (k.get = () => Promise.resolve(null))],
    ['another value is read back', (k) => (k.get = () => Promise.resolve(new Secret('other')))],
    ['reading back fails', (k) => (k.get = () => Promise.reject(new Error('locked')))],
  ])('fails and deletes the secret again if %s', async (_, sabotage) => {
    const keychain = new Memory('test');
    sabotage(keychain);
    const error = await failure(storeSecret('keychain', secret, target({ keychains: [keychain] })));
    expect(error).toMatchObject({
      code: 'local-not-writable',
      message: expect.stringContaining('the keychain does not work in this session'),
      hint: expect.stringContaining('--to file'),
    });
    expect(`${error.message}${error.hint ?? ''}`).not.toContain('hunter2');
    expect(keychain.items.size).toBe(0);
  });

  test('fails if there is no keychain', async () => {
    expect(await failure(storeSecret('keychain', secret, target()))).toMatchObject({
      code: 'local-not-writable',
      message: 'there is no keychain in this session',
    });
  });
});

describe('depot login to systemd', () => {
  test('shows the commands to type, without the secret', async () => {
    const stored = await storeSecret('systemd', secret, target());
    expect(stored.lines).toContain('LoadCredentialEncrypted=depot.password:/etc/credstore.encrypted/depot.password');
    expect(stored.lines.join('\n')).toMatch(
      /systemd-creds encrypt --name=depot\.password - \/etc\/credstore\.encrypted\/depot\.password/,
    );
    expect(JSON.stringify(stored)).not.toContain('hunter2');
  });

  test('names the account if the run has several', async () => {
    const stored = await storeSecret(
      'systemd',
      secret,
      target({ needed: { run: 2, server: 1 }, account: { ...account, port: 2222 } }),
    );
    expect(stored.where).toBe('systemd credential depot.password.acme@10.20.0.5_2222');
  });
});

describe('depot logout', () => {
  test('removes everything that depot stored, and lists what remains elsewhere', async () => {
    const [first, second] = [new Memory('first'), new Memory('second')];
    const t = target({ keychains: [first, second], env: { DEPOT_PASSWORD: 'x' } });
    await storeSecret('file', secret, t);
    const own = join(t.configDirectory, 'secrets/acme@10.20.0.5.password');
    first.items.set('acme@10.20.0.5:22', 'a');
    second.items.set('acme@10.20.0.5:22', 'b');
    second.items.set('other@10.20.0.5:22', 'c');
    const forgotten = await forgetSecret(t);
    expect(forgotten.removed).toEqual(['keychain, service depot, account acme@10.20.0.5:22', own]);
    expect(existsSync(own)).toBe(false);
    expect([...first.items, ...second.items]).toEqual([['other@10.20.0.5:22', 'c']]);
    expect(forgotten.remaining.map((s) => s.where)).toEqual(['DEPOT_PASSWORD']);
    expect(await forgetSecret({ ...t, env: {} })).toEqual({ removed: [], remaining: [], warnings: [] });
  });

  test('warns of a keychain that could not be cleared', async () => {
    const keychain = new Memory('test');
    keychain.items.set('acme@10.20.0.5:22', 'a');
    keychain.delete = () => Promise.reject(new Error('locked'));
    expect((await forgetSecret(target({ keychains: [keychain] }))).warnings).toEqual([
      'the keychain (test) could not be cleared: locked',
    ]);
  });
});

test('the user name is stored beside the secrets', async () => {
  const directory = tempDir('login');
  expect(await findUsername(directory, account)).toBeNull();
  await storeUsername(directory, account, 'acme');
  expect(await findUsername(directory, account)).toBe('acme');
  expect(await findUsername(directory, { ...account, port: 2222 })).toBeNull();
  // If it cannot be read for any other reason, that is an error, not "none".
  mkdirSync(join(directory, 'secrets', '10.20.0.5_2223.username'), { recursive: true });
  await expect(findUsername(directory, { ...account, port: 2223 })).rejects.toMatchObject({
    code: 'secret-missing',
    message: expect.stringContaining('cannot be read: EISDIR') as string,
  });
  await forgetUsername(directory, account);
  expect(await findUsername(directory, account)).toBeNull();
});
