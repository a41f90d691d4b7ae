import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { depot, json, mustDepot } from '../support/cli.js';
import { run } from '../support/process.js';
import { checkout, depotScript } from '../support/cli.js';
import { onWindows, privateFile } from '../support/platform.js';

const version = (JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string }).version;

/** A directory without a configuration, and no other place where one could be. */
function nowhere(): { cwd: string; env: NodeJS.ProcessEnv } {
  const cwd = tempDir();
  return { cwd, env: { HOME: cwd } };
}

describe('usage', () => {
  test('--version prints the version, also after a command', async () => {
    expect((await mustDepot(['--version'])).stdout).toBe(`${version}\n`);
    expect((await mustDepot(['push', '--version'])).stdout).toBe(`${version}\n`);
  });

  test('--help goes to standard output; depot without a command prints the usage to standard error and exits with 2', async () => {
    const help = await mustDepot(['--help']);
    expect(help.stdout).toContain('Usage: depot');
    expect(help.stderr).toBe('');
    const bare = await depot([]);
    expect(bare).toMatchObject({ code: 2, stdout: '' });
    expect(bare.stderr).toContain('Usage: depot');
    const group = await depot(['key']);
    expect(group).toMatchObject({ code: 2, stdout: '' });
    expect(group.stderr).toContain('generate');
  });

  test('an unknown command is refused, with the one that was probably meant', async () => {
    const { code, stdout, stderr } = await depot(['psuh']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe('depot: error: unknown command "psuh"\ndepot: hint: check the spelling: did you mean push?\n');
  });

  test.each([[['psuh']], [['push', '--all', 'x']], [[]], [['key', 'generate', 'robot']]])(
    'with --json, the usage error of depot %j is one document on standard output',
    async (args) => {
      const result = await depot([...args, '--json']);
      expect(result).toMatchObject({ code: 2, stderr: '' });
      expect(json(result)).toMatchObject({ ok: false, error: { code: 'usage', exit: 2, published: null } });
    },
  );

  test('after --, nothing is a flag', async () => {
    const result = await depot(['verify', '--', '--json'], nowhere());
    expect(result.stdout).not.toContain('{');
    expect(result.code).toBe(5);
  });
});

describe('configuration', () => {
  test('if there is none, push exits with 10 and says where it looked', async () => {
    const at = nowhere();
    const result = await depot(['push'], at);
    expect(result).toMatchObject({ code: 10, stdout: '' });
    expect(result.stderr).toContain(join(at.cwd, 'depot.yaml'));
    expect(result.stderr).toMatch(/\ndepot: hint: create one with: depot init/);
  });

  test('mistakes are reported all at once, each on a line with its place', async () => {
    const at = nowhere();
    writeFileSync(join(at.cwd, 'depot.yaml'), 'version: 1\nsuplier: { name: x }\nremote: { prot: 22 }\n');
    const text = await depot(['push'], at);
    expect(text.code).toBe(10);
    // Under Wine it begins with the warning that access lists were not checked.
    const lines = text.stderr.split('\n').filter((line) => !line.startsWith('depot: warning: '));
    expect(lines[0]).toMatch(/^depot: error: \d+ problems in the configuration$/);
    expect(lines.filter((l) => /^ {2}(?:\/|[A-Z]:).*depot\.yaml:\d+:\d+: /.test(l)).length).toBeGreaterThan(2);
    const document = json(await depot(['push', '--json'], at));
    expect(document.error).toMatchObject({ code: 'config-invalid', exit: 10 });
  });

  test.skipIf(onWindows)('that others can write to is refused', async () => {
    const at = nowhere();
    const file = join(at.cwd, 'depot.yaml');
    writeFileSync(file, 'version: 1\n', { mode: 0o666 });
    await run('chmod', ['666', file]);
    expect(json(await depot(['status', '--json'], at)).error).toMatchObject({ code: 'config-insecure', exit: 10 });
  });
});

describe('keys', () => {
  test('key generate --no-passphrase makes a key that key show reads, in a private file that is never overwritten', async () => {
    const cwd = tempDir();
    const args = [
      'key',
      'generate',
      'signer',
      '--name',
      'Acme SaaS B.V.',
      '--email',
      'ops@acme.example',
      '--out',
      'keys/acme',
      '--no-passphrase',
      '--json',
    ];
    const made = JSON.parse((await mustDepot(args, { cwd })).stdout) as Record<string, string>;
    expect(made).toEqual({
      ok: true,
      fingerprint: expect.stringMatching(/^[0-9A-F]{40}$/) as string,
      publicKey: 'keys/acme.public.asc',
      secretKey: 'keys/acme.secret.asc',
    });
    expect(statSync(join(cwd, 'keys/acme.secret.asc')).mode & 0o777).toBe(privateFile);
    expect(readFileSync(join(cwd, 'keys/acme.public.asc'), 'utf8')).not.toContain('PRIVATE');
    const before = readFileSync(join(cwd, 'keys/acme.secret.asc'));
    const again = await depot(args, { cwd });
    expect(json(again).error).toMatchObject({ code: 'output-exists', exit: 5 });
    expect(readFileSync(join(cwd, 'keys/acme.secret.asc')).equals(before)).toBe(true);
    const shown = JSON.parse((await mustDepot(['key', 'show', 'keys/acme.secret.asc', '--json'], { cwd })).stdout) as {
      recipient: { usable: boolean };
      signer: { usable: boolean };
    };
    expect(shown).toMatchObject({
      fingerprint: made.fingerprint,
      secret: true,
      userIds: ['Acme SaaS B.V. <ops@acme.example>'],
      signer: { usable: true },
      recipient: { usable: false },
    });
  });

  test('key generate makes neither file if one of the two exists', async () => {
    const cwd = tempDir();
    writeFileSync(join(cwd, 'a.public.asc'), 'mine');
    expect(
      (
        await depot(
          ['key', 'generate', 'signer', '--name', 'A', '--email', 'a@b.example', '--out', 'a', '--no-passphrase'],
          { cwd },
        )
      ).code,
    ).toBe(5);
    expect(readdirSync(cwd)).toEqual(['a.public.asc']);
  });

  test('key generate takes the passphrase from a file or the environment; it fails if there is none and nobody to ask', async () => {
    const cwd = tempDir();
    writeFileSync(join(cwd, 'pass'), 'correct horse\n', { mode: 0o600 });
    const base = ['key', 'generate', 'arrangement', '--name', 'A', '--email', 'a@b.example'];
    expect((await depot([...base, '--out', 'x'], { cwd })).code).toBe(2);
    await mustDepot([...base, '--out', 'file', '--passphrase-file', 'pass'], { cwd });
    await mustDepot([...base, '--out', 'env'], { cwd, env: { DEPOT_PASSPHRASE: 'correct horse' } });
    const { readSecretKey } = await import('../../src/pgp/keys.js');
    for (const name of ['file', 'env']) {
      const bytes = readFileSync(join(cwd, `${name}.secret.asc`));
      await expect(readSecretKey(bytes, () => Promise.resolve('correct horse\n'))).rejects.toMatchObject({
        code: 'passphrase-wrong',
      });
      await expect(readSecretKey(bytes, () => Promise.resolve('correct horse'))).resolves.toMatchObject({
        isSecret: true,
      });
    }
    writeFileSync(join(cwd, 'empty'), '\n', { mode: 0o600 });
    expect((await depot([...base, '--out', 'y', '--passphrase-file', 'empty'], { cwd })).code).toBe(17);
    expect(existsSync(join(cwd, 'y.secret.asc'))).toBe(false);
  });
});

describe('the process', () => {
  test.skipIf(onWindows)('a reader that stops reading causes no message and no stack trace', async () => {
    const result = await run('sh', ['-c', `"${process.execPath}" "${depotScript}" push --help | head -c 1; exit 0`]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
  });

  test('DEPOT_DEBUG=1 shows the stack; without it, an error has at most three lines', async () => {
    const at = nowhere();
    const plain = await depot(['verify', 'none.pgp'], at);
    expect(plain.stderr).not.toMatch(/\n +at /);
    expect(plain.stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
    const debug = await depot(['verify', 'none.pgp'], { ...at, env: { ...at.env, DEPOT_DEBUG: '1' } });
    expect(debug.stderr).toMatch(/\n +at /);
    expect(debug.code).toBe(plain.code);
  });

  test('--quiet prints nothing on success, and the error on failure', async () => {
    const cwd = tempDir();
    const result = await mustDepot(
      [
        'key',
        'generate',
        'signer',
        '--name',
        'A',
        '--email',
        'a@b.example',
        '--out',
        'a',
        '--no-passphrase',
        '--quiet',
      ],
      { cwd },
    );
    expect(result.stdout + result.stderr).toBe('');
    expect((await depot(['push', '--quiet'], nowhere())).stderr).toContain('depot: error:');
  });
});
