import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DepotError } from '../../src/errors.js';
import { findSecret } from '../../src/secrets/lookup.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot } from '../support/peers.js';
import { failure, found, request, secretFile } from './support.js';

describe('the contents of a secret file', () => {
  test.each<[string, string | Uint8Array, string | null]>([
    ['lose one newline at the end', 'pass\n', 'pass'],
    ['lose only one newline', 'pass\n\n', 'pass\n'],
    ['lose a Windows newline', 'pass\r\n', 'pass'],
    ['keep their spaces', ' pass \n', ' pass '],
    ['lose a byte order mark', '\ufeffpass\r\n', 'pass'],
    ['keep newlines inside', 'a\nb\n', 'a\nb'],
    ['may be UTF-8 beyond ASCII', 'pässwörd', 'pässwörd'],
    ['may not be empty', '', null],
    ['may not be only a newline', '\n', null],
    ['may not hold a NUL', 'a\0b', null],
    ['must be UTF-8', Uint8Array.of(0xff, 0xfe, 0x41), null],
    ['may not be far too long', 'x'.repeat(70_000), null],
  ])('%s', async (_, contents, expected) => {
    const file = secretFile(join(tempDir('secrets'), 'f'), contents);
    const r = request({ refs: { file } });
    if (expected === null)
      expect(await failure(findSecret(r))).toMatchObject({
        code: 'secret-missing',
        exit: 17,
        message: expect.stringContaining(file),
      });
    else expect((await found(r))?.[0]).toBe(expected);
  });

  test('if the configured file is missing, that is an error: depot looks nowhere else', async () => {
    const file = join(tempDir('secrets'), 'gone');
    const error = await failure(findSecret(request({ refs: { file }, prompt: async () => 'typed' })));
    expect(error).toMatchObject({
      code: 'secret-missing',
      message: `${file} (named by the configuration) does not exist`,
    });
  });

  test('a directory is no secret file', async () => {
    expect(await failure(findSecret(request({ refs: { file: tempDir('secrets') } })))).toMatchObject({
      code: 'secret-missing',
      message: expect.stringContaining('is a directory'),
    });
  });

  test.skipIf(process.platform === 'win32')('a pipe can be the file, as in <(vault read …)', async () => {
    const program = `import { findSecret } from ${JSON.stringify(new URL('../../src/secrets/lookup.ts', import.meta.url).href)}; findSecret({ kind: 'password', refs: {}, env: process.env, configDirectory: '/', needed: { run: 1, server: 1 }, keychains: [] }).then((f) => console.log(f.value.reveal()));`;
    const entry = secretFile(join(tempDir('secrets'), 'entry.mts'), program);
    const tsx = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;
    const out = execFileSync(
      'bash',
      ['-c', 'DEPOT_PASSWORD_FILE=<(echo piped) exec "$0" --import "$1" "$2"', process.execPath, tsx, entry],
      { encoding: 'utf8' },
    );
    expect(out).toBe('piped\n');
  });
});

describe.skipIf(process.platform === 'win32')('the permissions of a secret file', () => {
  const root = asRoot();

  test.each([
    ['600', 'accepted'],
    ['400', 'accepted'],
    ['604', 'refused'],
    ['644', 'refused'],
    ['602', 'refused'],
    ['620', 'refused'],
    ['660', 'refused'],
    ['666', 'refused'],
  ])('a file of this account with mode %s is %s', async (mode, verdict) => {
    const file = secretFile(join(tempDir('secrets'), 'f'), 'x', Number.parseInt(mode, 8));
    for (const r of [request({ refs: { file } }), request({ env: { DEPOT_PASSWORD_FILE: file } })]) {
      if (verdict === 'accepted') expect(await found(r)).not.toBeNull();
      else
        expect(await failure(findSecret(r))).toMatchObject({
          code: 'secret-insecure',
          exit: 17,
          hint: expect.stringContaining(`chmod 600 ${file}`),
        });
    }
  });

  test('must be as strict for a file that depot login stored', async () => {
    const configDirectory = tempDir('secrets');
    secretFile(join(configDirectory, 'secrets/10.20.0.5.password'), 'x', 0o644);
    expect((await failure(findSecret(request({ configDirectory })))).code).toBe('secret-insecure');
  });

  test.skipIf(!root)('a file of another account is refused; the hint is to run depot as its owner', async () => {
    const file = secretFile(join(tempDir('secrets'), 'f'), 'x');
    chownSync(file, 4711, 4711);
    expect(await failure(findSecret(request({ refs: { file } })))).toMatchObject({
      code: 'secret-insecure',
      message: expect.stringContaining('uid 4711'),
      hint: expect.stringMatching(/^run it as the account that owns it: (?!.*chown)/),
    });
  });

  test.skipIf(!root)(
    'a service account may read a file of root through its group, but its own files may not be open to a group',
    async () => {
      const directory = tempDir('secrets');
      chmodSync(directory, 0o755);
      const check = async (name: string, uid: number, gid: number, mode: number): Promise<string> => {
        const file = secretFile(join(directory, name), 'x');
        chownSync(file, uid, gid);
        chmodSync(file, mode);
        process.setegid?.(4711);
        process.seteuid?.(4711);
        try {
          return await found(request({ refs: { file }, configDirectory: directory })).then(
            (f) => f?.[0] ?? 'nothing',
            (e: unknown) => (e as DepotError).code,
          );
        } finally {
          process.seteuid?.(0);
          process.setegid?.(0);
        }
      };
      expect(await check('a', 0, 4711, 0o640)).toBe('x');
      expect(await check('b', 0, 4711, 0o660)).toBe('secret-insecure');
      expect(await check('c', 0, 4711, 0o644)).toBe('secret-insecure');
      expect(await check('d', 4711, 4711, 0o600)).toBe('x');
      expect(await check('e', 4711, 4711, 0o640)).toBe('secret-insecure');
      expect(await check('f', 0, 0, 0o600)).toBe('secret-missing');
    },
  );

  test.skipIf(!root)('a secrets directory that this account may not read is skipped, with a note', async () => {
    const configDirectory = tempDir('secrets');
    chmodSync(configDirectory, 0o755);
    secretFile(join(configDirectory, 'secrets/10.20.0.5.password'), 'x');
    const notes: string[] = [];
    process.seteuid?.(4711);
    try {
      expect(
        await found(
          request({ configDirectory, note: (n, hint) => notes.push(n, hint ?? ''), prompt: async () => 'typed' }),
        ),
      ).toEqual(['typed', 'prompt']);
    } finally {
      process.seteuid?.(0);
    }
    expect(notes[0]).toMatch(/uid 4711 has no access to \S*10\.20\.0\.5\.password/);
    expect(notes[1]).toBe(
      `if uid 4711 is the one that pushes, type as root: «chown -R 4711 ${configDirectory}/secrets»\nif not, run depot as the account that pushes`,
    );
  });

  test('a systemd credential may show as readable by its group, since that is how its access list shows', async () => {
    const directory = tempDir('credentials');
    secretFile(join(directory, 'depot.password'), 'x', 0o440);
    expect((await found(request({ env: { CREDENTIALS_DIRECTORY: directory } })))?.[0]).toBe('x');
  });
});
