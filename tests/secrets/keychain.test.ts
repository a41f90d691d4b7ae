import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { hasSession, openKeychains } from '../../src/secrets/keychain.js';
import { tempDir } from '../support/cleanup.js';
import { peers } from '../support/peers.js';
import { run } from '../support/process.js';

test.each<[NodeJS.Platform, NodeJS.ProcessEnv, boolean]>([
  ['linux', {}, false],
  ['linux', { DBUS_SESSION_BUS_ADDRESS: '' }, false],
  ['linux', { XDG_RUNTIME_DIR: join(import.meta.dirname, 'no-such-directory') }, false],
  ['linux', { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/x' }, true],
  ['freebsd', {}, false],
  ['darwin', {}, true],
  ['win32', {}, true],
])('on %s with %o, there is a desktop session: %s', (platform, env, expected) => {
  expect(hasSession(env, platform)).toBe(expected);
});

test('a session bus in XDG_RUNTIME_DIR is a desktop session', () => {
  const runtime = tempDir('runtime');
  writeFileSync(join(runtime, 'bus'), '');
  expect(hasSession({ XDG_RUNTIME_DIR: runtime }, 'linux')).toBe(true);
});

test.skipIf(process.platform !== 'linux')('without a desktop session, no native module is loaded', async () => {
  const script = `import { openKeychains } from ${source('keychain')}; const none = openKeychains({}); console.log(JSON.stringify([none.length, Object.keys((await import('node:module')).createRequire(import.meta.url).cache).filter((f) => /keytar|keyring/.test(f))]));`;
  expect(openKeychains({}, 'linux')).toEqual([]);
  expect(JSON.parse((await node(script, {})).stdout)).toEqual([0, []]);
});

/** keytar has no binary for some platforms, and is compiled only if npm may run install scripts. */
const hasKeytar = (() => {
  try {
    createRequire(import.meta.url)('keytar');
    return true;
  } catch {
    return false;
  }
})();

/** What starts a session with a home of its own: a bus, and a keyring where there should be one. */
const programs = peers('dbus-run-session', 'gnome-keyring-daemon');

describe.skipIf(programs === undefined || process.platform !== 'linux')('gnome-keyring on a private bus', () => {
  const account = `depot-${randomBytes(6).toString('hex')}`;

  const steps = `
    import { openKeychains } from ${source('keychain')};
    import { storeSecret, forgetSecret } from ${source('login')};
    import { findSecret } from ${source('lookup')};
    import { Secret } from ${source('secret', '..')};
    const target = { kind: 'password', refs: {}, needed: { run: 1, server: 1 }, env: process.env, configDirectory: process.env.HOME, account: { username: '${account}', host: 'h', port: 22 }, note: (n) => notes.push(n) };
    const notes = [];
    const say = async (what, action) => console.log(JSON.stringify([what, await action().catch((e) => ({ code: e.code, message: e.message, hint: e.hint }))]));
    const found = async () => { const f = await findSecret(target); return f === null ? null : [f.value.reveal(), f.from]; };
  `;

  async function session(script: string, o: { keyring: boolean; without?: string }): Promise<Map<string, unknown>> {
    const directory = tempDir('keyring');
    const entry = join(directory, 'entry.mts');
    const missing =
      o.without === undefined
        ? ''
        : `import Module from 'node:module'; const load = Module._load; Module._load = (name, ...more) => { if (name === '${o.without}') throw new Error('not installed'); return load(name, ...more); };\n`;
    writeFileSync(entry, missing + steps + script);
    const bus = join(directory, 'bus.conf');
    // Without a <servicedir>, the bus starts no keyring on demand.
    writeFileSync(
      bus,
      `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
      <busconfig><type>session</type><listen>unix:tmpdir=${directory}</listen><auth>EXTERNAL</auth>
      <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`,
    );
    const unlock = o.keyring
      ? `printf pw | ${programs?.['gnome-keyring-daemon'] ?? ''} --unlock --components=secrets >/dev/null && `
      : '';
    const command = `${unlock}exec "$0" --import ${loader} ${entry}`;
    const env = { PATH: process.env['PATH'], HOME: directory, XDG_RUNTIME_DIR: directory };
    const result = await run(
      programs?.['dbus-run-session'] ?? '',
      [`--config-file=${bus}`, '--', 'sh', '-c', command, process.execPath],
      { env },
    );
    const lines = result.stdout
      .trim()
      .split('\n')
      .filter((line) => line.startsWith('['));
    if (lines.length === 0) expect.fail(result.stderr);
    return new Map(lines.map((line) => JSON.parse(line) as [string, unknown]));
  }

  test('a secret can be stored, found, replaced and removed', async () => {
    const said = await session(
      `
      await say('before', found);
      await say('store', () => storeSecret('keychain', new Secret('hunter2 é'), target));
      await say('found', found);
      await say('replace', () => storeSecret('keychain', new Secret('second'), target));
      await say('found again', found);
      await say('forget', () => forgetSecret(target));
      await say('after', found);
      await say('forget again', () => forgetSecret(target));
      await say('notes', async () => notes);
    `,
      { keyring: true },
    );
    expect(said.get('before')).toBeNull();
    expect(said.get('store')).toMatchObject({
      to: 'keychain',
      account: `${account}@h:22`,
      warnings: [],
      readableBy: expect.stringContaining('in a desktop session only'),
    });
    expect(said.get('found')).toEqual(['hunter2 é', expect.stringContaining('keychain (@napi-rs/keyring)')]);
    expect(said.get('found again')).toEqual(['second', expect.anything()]);
    expect(said.get('forget')).toMatchObject({ removed: [expect.stringContaining(account)], warnings: [] });
    expect(said.get('after')).toBeNull();
    expect(said.get('forget again')).toMatchObject({ removed: [], warnings: [] });
    expect(said.get('notes')).toEqual([]);
  });

  test.skipIf(!hasKeytar)(
    'a secret that an earlier depot stored with keytar is found, replaced and removed',
    async () => {
      const said = await session(
        `
      const [first, keytar] = openKeychains(process.env);
      const held = async () => Promise.all([first, keytar].map(async (k) => (await k.get('${account}@h:22'))?.reveal() ?? null));
      await say('order', async () => [first.name, keytar.name]);
      await keytar.set('${account}@h:22', new Secret('stored earlier'));
      await say('found', found);
      await say('store', () => storeSecret('keychain', new Secret('new'), target));
      await say('held', held);
      await say('found again', found);
      await keytar.set('${account}@h:22', new Secret('stored earlier'));
      await say('found first', found);
      await say('forget', () => forgetSecret(target));
      await say('held at last', held);
    `,
        { keyring: true },
      );
      expect(said.get('order')).toEqual(['@napi-rs/keyring', 'keytar']);
      expect(said.get('found')).toEqual(['stored earlier', expect.stringContaining('keychain (keytar)')]);
      expect(said.get('store')).toMatchObject({ to: 'keychain', warnings: [] });
      expect(said.get('held')).toEqual(['new', null]);
      expect(said.get('found again')).toEqual(['new', expect.stringContaining('keychain (@napi-rs/keyring)')]);
      expect(said.get('found first')).toEqual(['new', expect.stringContaining('keychain (@napi-rs/keyring)')]);
      expect(said.get('forget')).toMatchObject({ removed: [expect.stringContaining(account)], warnings: [] });
      expect(said.get('held at last')).toEqual([null, null]);
    },
  );

  test('if @napi-rs/keyring is missing, keytar is used', async () => {
    const said = await session(
      `
      await say('names', async () => openKeychains(process.env).map((k) => k.name));
      await say('store', () => storeSecret('keychain', new Secret('hunter2'), target));
      await say('found', found);
    `,
      { keyring: true, without: '@napi-rs/keyring' },
    );
    expect(said.get('names')).toEqual(hasKeytar ? ['keytar'] : []);
    if (!hasKeytar) return;
    expect(said.get('store')).toMatchObject({ to: 'keychain', warnings: [] });
    expect(said.get('found')).toEqual(['hunter2', expect.stringContaining('keychain (keytar)')]);
  });

  test('each module stores secrets, but does not see those of the other', async () => {
    const said = await session(
      `
      const all = openKeychains(process.env);
      await say('names', async () => all.map((k) => k.name));
      for (const one of all) {
        await one.set('x', new Secret(one.name));
        await say(one.name, async () => Promise.all(all.map(async (k) => (await k.get('x'))?.reveal() ?? null)));
        await one.delete('x');
      }
    `,
      { keyring: true },
    );
    const names = said.get('names') as string[];
    expect(names).toContain('@napi-rs/keyring');
    for (const name of names) expect(said.get(name)).toEqual(names.map((other) => (other === name ? name : null)));
  });

  test("on a bus without a keyring, storing fails with a hint, and nothing stays in the kernel's keyring", async () => {
    const said = await session(
      `
      await say('store', () => storeSecret('keychain', new Secret('hunter2'), target));
      await say('found', found);
      await say('notes', async () => notes);
      await say('file', () => storeSecret('file', new Secret('hunter2'), target));
      await say('found in the file', found);
    `,
      { keyring: false },
    );
    expect(said.get('store')).toMatchObject({
      code: 'local-not-writable',
      message: expect.stringContaining('the keychain does not work in this session'),
      hint: expect.stringContaining('--to file'),
    });
    expect(said.get('found')).toBeNull();
    expect(said.get('notes')).toEqual(expect.arrayContaining([expect.stringContaining('the keychain did not answer')]));
    expect(said.get('file')).toMatchObject({ to: 'file', warnings: [] });
    expect(said.get('found in the file')).toEqual(['hunter2', expect.stringContaining('h.password')]);
    expect(readFileSync('/proc/keys', 'utf8')).not.toContain(account);
  });
});

const loader = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;

function source(name: string, folder = 'secrets'): string {
  return JSON.stringify(new URL(`../../src/${folder === '..' ? '' : `${folder}/`}${name}.ts`, import.meta.url).href);
}

async function node(script: string, env: NodeJS.ProcessEnv): Promise<{ stdout: string }> {
  const entry = join(tempDir('keychain'), 'entry.mts');
  writeFileSync(entry, script);
  return run(process.execPath, ['--import', loader, entry], { env });
}
