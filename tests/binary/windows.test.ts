/** Windows' executable, under Wine. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { checkout, json } from '../support/cli.js';
import { windows } from '../support/executable.js';
import { peer } from '../support/peers.js';
import { type WineOptions, windowsDir, windowsPath, windowsProgram } from '../support/wine.js';

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
const executable = (args: readonly string[], options: WineOptions) => windowsProgram(windows, args, options);

test('it has no signature, rather than one that does not hold any more', () => {
  const program = readFileSync(windows);
  const directories = program.readUInt32LE(0x3c) + 24 + 112;
  // Entry 4 is the table of certificates, entry 1 what is imported.
  expect(program.readBigUInt64LE(directories + 4 * 8)).toBe(0n);
  expect(program.readBigUInt64LE(directories + 8)).not.toBe(0n);
});

describe.skipIf(peer('wine64') === undefined)('under Wine', () => {
  test('it says its version and exit codes, without a warning', async () => {
    const cwd = windowsDir();
    const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };
    expect(await executable(['--version'], { cwd })).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
    expect((await executable(['psuh'], { cwd })).code).toBe(2);
  });

  test('the demo runs', async () => {
    const { code, stdout, stderr } = await executable(['demo'], { cwd: windowsDir(), timeoutMs: 290_000 });
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^compared {3}2,\d+ files/m);
  }, 300_000);

  test('the opener page and the schemas are those of the package, byte for byte', async () => {
    const cwd = windowsDir();
    expect((await executable(['opener', '--out', 'opener.html'], { cwd })).code).toBe(0);
    expect(sha256(join(cwd, 'opener.html'))).toBe(sha256(join(checkout, 'dist/opener.html')));
    expect((await executable(['schema', 'depot'], { cwd })).stdout).toBe(
      readFileSync(join(checkout, 'schemas/depot.schema.json'), 'utf8'),
    );
  });

  test('a key is made, and a dataset sealed in a dry run', async () => {
    const cwd = windowsDir();
    const key = async (kind: string, name: string): Promise<string> => {
      const who = ['--name', name, '--email', 'ops@acme.example', '--out', kind, '--no-passphrase', '--json'];
      const made = await executable(['key', 'generate', kind, ...who], { cwd });
      expect(made.code, made.stdout + made.stderr).toBe(0);
      return (json(made) as unknown as { fingerprint: string }).fingerprint;
    };
    const fingerprint = await key('arrangement', 'Gemeente Voorbeeld');
    await key('signer', 'Acme');
    mkdirSync(join(cwd, 'data'));
    writeFileSync(join(cwd, 'data/customers.csv'), 'id;name\r\n'.repeat(100_000));
    writeFileSync(
      join(cwd, 'depot.yaml'),
      stringify({
        version: 1,
        supplier: { name: 'Acme', signingKey: 'signer.secret.asc' },
        remote: { host: '127.0.0.1', username: 'acme', directory: '/incoming' },
        arrangements: {
          'acme-crm': {
            beneficiaries: [{ name: 'Gemeente Voorbeeld', key: 'arrangement.public.asc', fingerprint }],
            dataset: [{ directory: 'data' }],
          },
        },
      }),
    );
    const dry = await executable(['push', '--dry-run', '--json'], { cwd });
    expect(dry.code, dry.stdout + dry.stderr).toBe(0);
    expect(json(dry)).toMatchObject({ ok: true, results: [{ dryRun: { entries: 2 } }] });
    const task = await executable(['schedule', 'print', 'windows', '--user', 'depot', '--at', '01:30'], { cwd });
    expect(task.stdout, task.stderr).toContain(`<Command>${windowsPath(windows)}</Command>`);
    expect(task.stdout).toMatch(/<Arguments>push --all /);
  });
});
