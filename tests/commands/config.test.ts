import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { checkout, depot, depotInside, json } from '../support/cli.js';
import type { Finished } from '../support/process.js';
import { makeKey, nowhere, Supplier, type SupplierOptions } from '../support/supplier.js';
import type { Check } from './examined.js';

interface Checked {
  ok: boolean;
  files: { path: string; arrangements: string[] }[];
  warnings: string[];
  supplier: { exit: number; checks: Check[] };
  arrangements: { arrangement: string; exit: number; checks: Check[] }[];
}

async function check(supplier: Supplier): Promise<Finished & { found: Checked; checks: Record<string, Check> }> {
  const finished = await supplier.depot(['config', 'check', '--json']);
  const found = json(finished) as unknown as Checked;
  const all = [found.supplier, ...found.arrangements].flatMap(({ checks }) => checks);
  return { ...finished, found, checks: Object.fromEntries(all.map((one) => [one.name, one])) };
}

const withSources = (options: SupplierOptions = {}): Promise<Supplier> =>
  Supplier.create(nowhere, { dataset: [{ command: ['/none/such'], as: 'x' }], ...options });

test('config check says what was read and what it names, and neither connects nor looks at sources', async () => {
  const supplier = await withSources({ top: { include: ['more/*.yaml', 'none/*.yaml'] } });
  mkdirSync(join(supplier.directory, 'more'));
  const more = join(supplier.directory, 'more/hr.yaml');
  const own = {
    beneficiaries: [{ name: 'B', key: supplier.recipient.publicKey, fingerprint: supplier.recipient.fingerprint }],
    dataset: [{ file: '/none/such' }],
  };
  writeFileSync(more, JSON.stringify({ arrangements: { 'acme-hr': own } }), { mode: 0o600 });
  const { code, found, checks } = await check(supplier);
  expect(code).toBe(0);
  expect(found).toMatchObject({
    ok: true,
    files: [
      { path: supplier.config, arrangements: ['acme-crm'] },
      { path: more, arrangements: ['acme-hr'] },
    ],
    warnings: [expect.stringMatching(/include .none\/\*\.yaml. matches no file$/) as string],
    arrangements: [{ arrangement: 'acme-crm' }, { arrangement: 'acme-hr' }],
  });
  expect(Object.keys(checks)).toEqual(['signer', 'secret signing key', 'recipient', 'secret password']);
  expect(checks.signer.detail).toMatch(/^[0-9A-F]{4}….*does not expire; .*supplier\.secret\.asc$/);
  expect(existsSync(supplier.state)).toBe(false);

  const words = await supplier.depot(['config', 'check']);
  expect(words.stdout).toContain(
    `valid      ${supplier.config}: 1 arrangement (acme-crm)\nincluded   ${more}: 1 arrangement (acme-hr)\n`,
  );
  expect(words.stdout).toMatch(
    /\nresult {5}valid, and this account can read what it names\. .*depot doctor --config \S+\n$/,
  );
});

test('config check runs no command and unlocks no key', async () => {
  const supplier = await withSources({ remote: { passwordFile: undefined, passwordCommand: ['touch', 'ran'] } });
  const locked = await makeKey(join(supplier.directory, 'keys/locked'), 'Acme', 'compat', 'correct horse');
  const passphrase = { signingKeyPassphraseCommand: ['touch', 'ran'] };
  supplier.writeConfig({ top: { supplier: { name: 'Acme', signingKey: locked.secretKey, ...passphrase } } });
  const before = readdirSync(supplier.directory);
  const { code, checks } = await check(supplier);
  expect(code).toBe(0);
  expect([checks['secret password'].result, checks['secret signing key'].result]).toEqual(['passed', 'passed']);
  expect(readdirSync(supplier.directory)).toEqual(before);
});

test.each<[string, SupplierOptions, (supplier: Supplier) => void, number, string]>([
  ['a key that is not there', {}, (s) => rmSync(s.recipient.publicKey), 20, 'recipients'],
  ['a signing key that is not there', {}, (s) => rmSync(s.signer.secretKey), 20, 'signer'],
  [
    'a password file that is not there',
    {},
    (s) => rmSync(join(s.directory, 'secrets/password')),
    17,
    'secret password',
  ],
  ['an SSH key that is not there', { remote: { privateKey: 'keys/none' } }, () => undefined, 17, 'SSH key'],
  [
    'a password of a database that others can read',
    { dataset: [{ postgresql: { database: 'crm', passwordFile: 'secrets/db' } }] },
    (s) => writeFileSync(join(s.directory, 'secrets/db'), 'x\n', { mode: 0o644 }),
    17,
    'source crm.pgdump',
  ],
  [
    'a specification that is not there',
    { arrangement: { specification: 'none' } },
    () => undefined,
    3,
    'specification',
  ],
])('%s fails, with the exit code of a push', async (_, options, spoil, exit, name) => {
  const supplier = await withSources(options);
  spoil(supplier);
  const { code, found, checks } = await check(supplier);
  expect([code, found.ok, checks[name].result]).toEqual([exit, false, 'failed']);
  const words = await supplier.depot(['config', 'check', '--quiet']);
  expect(words.stdout).toContain(`a push would exit with ${exit}\n`);
});

test('what is wrong in the file is told with its place, as by a push', async () => {
  const supplier = await withSources({ arrangement: { evry: '24h' } });
  const { code, stdout } = await supplier.depot(['config', 'check', '--json']);
  expect([code, JSON.parse(stdout)]).toMatchObject([10, { ok: false, error: { code: 'config-invalid' } }]);
  expect(stdout).toMatch(/depot\.yaml:\d+:\d+: unknown key 'evry', did you mean 'every'\?/);
});

test.each([
  ['ping', { ping: { 'url:https://hc.example/a1b2c3': '', on: ['failure'] } }],
  ['ping', { ping: { url: 'https://hc.example/x', on: 'https://hc.example/a1b2c3' } }],
  ['what should be its neighbour', { notify: 'https://hc.example/a1b2c3' }],
  ['a key beside it', { 'pings: https://hc.example/a1b2c3': '' }],
])('an address that slipped to another place of %s is not shown, since it may be a secret', async (_, top) => {
  const supplier = await withSources({ top });
  const { code, stdout } = await supplier.depot(['config', 'check', '--json']);
  expect([code, stdout]).toEqual([10, expect.stringContaining('config-invalid')]);
  expect(stdout).not.toContain('a1b2c3');
});

test('config example prints every key, and writes it where nothing is yet', async () => {
  const text = readFileSync(join(checkout, 'schemas/depot.example.yaml'), 'utf8');
  expect((await depotInside(['config', 'example'])).stdout).toBe(text);
  expect(json(await depotInside(['config', 'example', '--json']))).toEqual({ ok: true, example: text });
  const cwd = tempDir('depot-example');
  const write = (): Promise<Finished> => depot(['config', 'example', '--out', 'depot.yaml'], { cwd });
  expect((await write()).code).toBe(0);
  expect(readFileSync(join(cwd, 'depot.yaml'), 'utf8')).toBe(text);
  writeFileSync(join(cwd, 'depot.yaml'), 'mine');
  expect(await write()).toMatchObject({ code: 5, stderr: expect.stringContaining('already exists') as string });
  expect(readFileSync(join(cwd, 'depot.yaml'), 'utf8')).toBe('mine');
});
