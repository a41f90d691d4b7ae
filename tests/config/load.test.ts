import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lchownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';

import { describe, expect, test } from 'vitest';

import { loadConfig } from '../../src/config/load.js';
import type { DepotError } from '../../src/errors.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot, peers } from '../support/peers.js';
import { changed, sample } from './sample.js';
import { onWindows } from '../support/platform.js';

function write(path: string, contents = changed({}), mode = 0o644): string {
  writeFileSync(path, contents);
  chmodSync(path, mode);
  return path;
}

async function failure(promise: Promise<unknown>): Promise<DepotError> {
  return promise.then(
    () => expect.fail('it was accepted'),
    (error: unknown) => error as DepotError,
  );
}

/** A working directory, a directory for configurations of the account's own, and no config in them. */
function machine(): { cwd: string; home: string; own: string; env: NodeJS.ProcessEnv } {
  const root = tempDir('config');
  const [cwd, home] = [join(root, 'cwd'), join(root, 'home')];
  const own = join(home, onWindows ? 'AppData/Roaming/depot' : '.config/depot');
  mkdirSync(cwd);
  mkdirSync(own, { recursive: true });
  return { cwd, home, own: join(own, 'depot.yaml'), env: { [onWindows ? 'USERPROFILE' : 'HOME']: home } };
}

describe('the search for depot.yaml', () => {
  test("prefers the flag, then the environment, the working directory and the user's own directory", async () => {
    const { cwd, own, env } = machine();
    write(own);
    expect((await loadConfig({ env, cwd })).path).toBe(own);
    const here = write(join(cwd, 'depot.yaml'));
    expect((await loadConfig({ env, cwd })).path).toBe(here);
    const named = write(join(cwd, 'named.yaml'));
    expect((await loadConfig({ env: { ...env, DEPOT_CONFIG: 'named.yaml' }, cwd })).path).toBe(named);
    expect((await loadConfig({ flag: own, env: { ...env, DEPOT_CONFIG: 'named.yaml' }, cwd })).path).toBe(own);
  });

  test('ends with an error if a named file is missing', async () => {
    const { cwd, env } = machine();
    write(join(cwd, 'depot.yaml'));
    const error = await failure(loadConfig({ flag: 'gone.yaml', env, cwd }));
    expect(error).toMatchObject({ code: 'config-not-found', exit: 10 });
    expect(error.message).toContain(join(cwd, 'gone.yaml'));
  });

  test('says where it looked', async () => {
    const { cwd, own, env } = machine();
    const error = await failure(loadConfig({ env, cwd }));
    expect(error.code).toBe('config-not-found');
    const everybodys = onWindows ? 'C:\\ProgramData\\depot\\depot.yaml' : '/etc/depot/depot.yaml';
    for (const place of [join(cwd, 'depot.yaml'), own, everybodys]) expect(error.message).toContain(place);
    expect(error.hint).toContain('depot init');
  });

  test('needs no HOME', async () => {
    const { cwd } = machine();
    write(join(cwd, 'depot.yaml'));
    expect((await loadConfig({ env: {}, cwd })).directory).toBe(cwd);
  });

  const notOnWindows: [string, (path: string) => void, string][] = [
    ['a fifo, which nobody writes to', (path) => execFileSync('mkfifo', [path]), 'not a regular file'],
    ['a device', (path) => symlinkSync('/dev/zero', path), 'not a regular file'],
  ];
  test.each<[string, (path: string) => void, string]>([
    ['a directory', (path) => mkdirSync(path), 'it is a directory'],
    ...(onWindows ? [] : notOnWindows),
    ['a huge file', (path) => writeFileSync(path, Buffer.alloc(17 << 20)), 'larger than 16 MiB'],
  ])('refuses %s', async (_, make, expected) => {
    const { cwd, env } = machine();
    make(join(cwd, 'depot.yaml'));
    const error = await failure(loadConfig({ env, cwd }));
    expect(error.code).toBe('config-unreadable');
    expect(error.message).toContain(expected);
  });
});

describe.skipIf(onWindows)('a configuration', () => {
  const root = asRoot();

  const modes: [number, string | undefined][] = [
    [0o644, undefined],
    [0o600, undefined],
    [0o640, undefined],
    [0o664, 'chmod go-w'],
    [0o646, 'chmod go-w'],
    [0o666, 'chmod go-w'],
    [0o620, 'chmod go-w'],
  ];
  test.each(modes.map(([mode, hint]) => [mode.toString(8), mode, hint] as const))(
    'of mode %s is refused if, and only if, others may write to it',
    async (_, mode, hint) => {
      const { cwd, env } = machine();
      const path = write(join(cwd, 'depot.yaml'), changed({}), mode);
      for (const flag of [undefined, path]) {
        const loaded = loadConfig({ ...(flag === undefined ? {} : { flag }), env, cwd });
        if (hint === undefined) await expect(loaded).resolves.toBeDefined();
        else
          expect(await failure(loaded)).toMatchObject({ code: 'config-insecure', exit: 10, hint: `«${hint} ${path}»` });
      }
    },
  );

  test('in a directory that others may write to is refused, unless it is sticky as /tmp is', async () => {
    const { cwd, env } = machine();
    const path = write(join(cwd, 'depot.yaml'));
    chmodSync(cwd, 0o777);
    expect(await failure(loadConfig({ env, cwd }))).toMatchObject({
      code: 'config-insecure',
      hint: expect.stringContaining(`chmod go-w ${cwd}`),
    });
    chmodSync(cwd, 0o775);
    expect(await failure(loadConfig({ flag: path, env, cwd }))).toMatchObject({ code: 'config-insecure' });
    // Like /tmp: others may add files, but not rename this one.
    chmodSync(cwd, 0o1777);
    await expect(loadConfig({ env, cwd })).resolves.toBeDefined();
  });

  test('behind a link is refused if others may write to what the link leads to', async () => {
    const { cwd, home, env } = machine();
    const real = write(join(home, 'real.yaml'), changed({}), 0o666);
    symlinkSync(real, join(cwd, 'depot.yaml'));
    expect((await failure(loadConfig({ env, cwd }))).code).toBe('config-insecure');
    chmodSync(real, 0o644);
    const config = await loadConfig({ env, cwd });
    expect(config.supplier.signingKey, 'paths are relative to the link, which is what the user sees').toBe(
      join(cwd, 'keys/supplier.secret.asc'),
    );
    chmodSync(home, 0o777);
    expect((await failure(loadConfig({ env, cwd }))).message).toContain(home);
  });

  test.skipIf(!root)(
    "behind a symbolic link of another account is refused, also if one's own link leads to that one",
    async () => {
      const { cwd, home, env } = machine();
      write(join(home, 'depot.yaml'));
      const [theirs, own] = [join(cwd, 'theirs'), join(cwd, 'own')];
      symlinkSync(home, theirs);
      symlinkSync('theirs', own);
      for (const link of [theirs, own])
        expect(
          (await loadConfig({ flag: join(link, 'depot.yaml'), env, cwd })).directory,
          'control: both are own',
        ).toBe(link);
      lchownSync(theirs, 4711, 4711);
      for (const link of [theirs, own]) {
        expect(await failure(loadConfig({ flag: join(link, 'depot.yaml'), env, cwd }))).toMatchObject({
          code: 'config-insecure',
          exit: 10,
          message: expect.stringContaining(`${theirs} is a symbolic link that belongs to another account (uid 4711)`),
        });
      }
    },
  );

  test("is refused if others may write to a directory on the way of one's own link", async () => {
    const { cwd, home, env } = machine();
    write(join(home, 'depot.yaml'));
    const between = join(cwd, 'between');
    mkdirSync(between);
    symlinkSync(home, join(between, 'onward'));
    symlinkSync('between/onward', join(cwd, 'own'));
    chmodSync(between, 0o777);
    expect(await failure(loadConfig({ flag: join(cwd, 'own/depot.yaml'), env, cwd }))).toMatchObject({
      code: 'config-insecure',
      message: expect.stringContaining(between),
    });
  });

  test.skipIf(!root)('is refused if it or its directory belongs to another account', async () => {
    const { cwd, env } = machine();
    const path = write(join(cwd, 'depot.yaml'));
    chownSync(path, 4711, 4711);
    expect(await failure(loadConfig({ env, cwd }))).toMatchObject({
      code: 'config-insecure',
      message: expect.stringContaining('uid 4711'),
      hint: expect.stringContaining('chown 0'),
    });
    chownSync(path, 0, 4711);
    await expect(loadConfig({ env, cwd })).resolves.toBeDefined();
    chownSync(cwd, 4711, 4711);
    expect((await failure(loadConfig({ env, cwd }))).message).toContain(cwd);
  });

  test('is refused if others may write to an included file, and the error names that file', async () => {
    const { cwd, env } = machine();
    write(join(cwd, 'depot.yaml'), changed({ top: { include: ['more.yaml'] } }));
    const more = write(join(cwd, 'more.yaml'), '{"arrangements": {}}', 0o666);
    expect(await failure(loadConfig({ env, cwd }))).toMatchObject({
      code: 'config-insecure',
      message: expect.stringContaining(more),
    });
  });

  const mounts = peers('unshare', 'mount');
  test.skipIf(mounts === undefined || !root)(
    'is accepted on a read-only mount of mode 777, as Kubernetes makes them',
    async () => {
      const { cwd, env } = machine();
      const path = write(join(cwd, 'depot.yaml'));
      chmodSync(cwd, 0o777);
      const script = `import { loadConfig } from ${JSON.stringify(new URL('../../src/config/load.ts', import.meta.url).href)}; loadConfig({ flag: ${JSON.stringify(path)}, env: ${JSON.stringify(env)}, cwd: '/' }).then((c) => console.log('loaded ' + c.path), (e) => console.log(e.code));`;
      const entry = join(tempDir('config-mount'), 'entry.mts');
      writeFileSync(entry, script);
      const tsx = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;
      const inside = (setUp: string): string =>
        execFileSync(
          mounts?.unshare ?? '',
          ['-m', 'sh', '-c', `${setUp} && exec "$0" --import "$1" "$2"`, process.execPath, tsx, entry],
          { encoding: 'utf8' },
        ).trim();
      expect(inside(`mount --bind ${cwd} ${cwd} && mount -o remount,bind,ro ${cwd}`)).toBe(`loaded ${path}`);
      expect(inside(`mount --bind ${cwd} ${cwd}`), 'control: the same mount, writable').toBe('config-insecure');
    },
  );
});

describe('include', () => {
  const extra = (name: string): string =>
    JSON.stringify({ arrangements: { [name]: sample().arrangements['acme-crm'] } });

  test('takes patterns and names; files come sorted, each once, and without the main file', async () => {
    const { cwd, env } = machine();
    write(
      join(cwd, 'depot.yaml'),
      changed({ top: { include: ['*.yaml', 'arrangements/*.yaml', 'arrangements/b.yaml', 'deep/**/*.yaml'] } }),
    );
    mkdirSync(join(cwd, 'arrangements/.hidden'), { recursive: true });
    mkdirSync(join(cwd, 'deep/x/y'), { recursive: true });
    write(join(cwd, 'arrangements/b.yaml'), extra('b'));
    write(join(cwd, 'arrangements/a.yaml'), extra('a'));
    write(join(cwd, 'arrangements/.swp.yaml'), 'not: this');
    write(join(cwd, 'arrangements/notes.txt'), 'nor this');
    write(join(cwd, 'deep/x/y/c.yaml'), extra('c'));
    const config = await loadConfig({ env, cwd });
    expect([...config.arrangements.keys()]).toEqual(['acme-crm', 'a', 'b', 'c']);
    expect(config.files.map((f) => f.slice(cwd.length + 1).replaceAll('\\', '/'))).toEqual([
      'depot.yaml',
      'arrangements/a.yaml',
      'arrangements/b.yaml',
      'deep/x/y/c.yaml',
    ]);
    expect(config.arrangements.get('a')?.beneficiaries[0]?.key, 'relative to the included file').toBe(
      join(cwd, 'arrangements/keys/voorbeeld.asc'),
    );
    expect(config.arrangements.get('a')?.remote.host, 'from the main file').toBe('10.20.0.5');
    expect(config.warnings).toEqual([`${join(cwd, 'depot.yaml')}:1: include "*.yaml" matches no file`]);
  });

  test('reports the problems of all files at once, and which keys belong in the main file', async () => {
    const { cwd, env } = machine();
    write(
      join(cwd, 'depot.yaml'),
      `include: [more.yaml, gone.yaml]\n${changed({})
        .slice(1, -1)
        .replaceAll(/"(version|supplier|remote|arrangements)":/g, '\n$1: ')
        .replaceAll(/,\n/g, '\n')}\nstate: 1\n`,
    );
    write(join(cwd, 'more.yaml'), `state: x\ninclude: [a]\narrangements:\n  acme-crm:\n    beneficiaries: []\n`);
    const error = await failure(loadConfig({ env, cwd }));
    const shown = error.message.replaceAll(`${cwd}${sep}`, '').split('\n');
    expect(shown).toEqual([
      '7 problems in the configuration',
      "depot.yaml:1:22: 'gone.yaml': no such file",
      expect.stringMatching(/^depot\.yaml:\d+:8: expected text, found '1'; put it in quotes$/),
      "more.yaml:1:1: unknown key 'state': it belongs in the main file",
      "more.yaml:2:1: unknown key 'include': it belongs in the main file",
      expect.stringMatching(/^more\.yaml:4:3: arrangement 'acme-crm' is already defined at depot\.yaml:\d+$/),
      "more.yaml:5:5: missing key 'dataset'",
      'more.yaml:5:20: expected a list with at least one item',
    ]);
  });
});

test('a configuration with most keys is accepted', async () => {
  const { cwd, env } = machine();
  write(
    join(cwd, 'depot.yaml'),
    readFileSync(new URL('../../test-fixtures/config/depot.yaml', import.meta.url), 'utf8'),
  );
  const config = await loadConfig({ env, cwd });
  expect(config.warnings).toEqual([]);
  expect(config.arrangements.get('acme-crm')?.dataset.map((s) => [s.kind, s.name])).toEqual([
    ['directory', 'export'],
    ['file', 'schema.sql'],
    ['command', 'crm.pgdump'],
    ['file', 'crm.bak'],
    ['stdin', 'extra.ndjson'],
  ]);
});
