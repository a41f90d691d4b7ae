/** `--quiet`, as the night job and the monitor use it: silent if all is well, but never about what somebody must act on. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { depotHere } from '../support/in-process.js';
import type { Finished } from '../support/process.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

const days = 24 * 3600;
let server: ScriptedServer;
let supplier: Supplier;
beforeAll(async () => {
  server = await startScriptedServer({ directories: ['/in'] });
});
beforeEach(async () => {
  supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
});

const push = (...args: string[]): Promise<Finished> => supplier.depot(['push', '--all', '--quiet', ...args]);
const status = (...args: string[]): Promise<Finished> =>
  depotHere(['status', ...args, '--config', supplier.config], { cwd: supplier.directory });
const silent = [0, '', ''];
const said = ({ code, stdout, stderr }: Finished): unknown[] => [code, stdout, stderr];

function fill(files: number): void {
  rmSync(supplier.data, { recursive: true });
  mkdirSync(supplier.data);
  for (let i = 0; i < files; i++) writeFileSync(join(supplier.data, `${i}.csv`), Buffer.alloc(1000));
}

async function keyFor(
  name: string,
  seconds: number | undefined,
): Promise<{ key: string; secret: string; fingerprint: string }> {
  const pair = await openpgp.generateKey({
    userIDs: [{ name }],
    format: 'object',
    type: 'ecc',
    curve: 'curve25519Legacy',
    config: { v6Keys: false, aeadProtect: false },
    ...(seconds === undefined ? {} : { keyExpirationTime: seconds }),
  });
  return {
    key: pair.publicKey.armor(),
    secret: pair.privateKey.armor(),
    fingerprint: pair.publicKey.getFingerprint().toUpperCase(),
  };
}

test('if all is well, push and status --quiet print nothing, not even the warnings of every night', async () => {
  fill(10);
  // Two warnings of every night: a key weaker than new ones, and a pattern that matches nothing.
  const key = await openpgp.generateKey({
    userIDs: [{ name: 'G' }],
    format: 'object',
    type: 'rsa',
    rsaBits: 2048,
    config: { v6Keys: false, aeadProtect: false },
  });
  const beneficiaries = [{ key: key.publicKey.armor(), fingerprint: key.publicKey.getFingerprint().toUpperCase() }];
  supplier.writeConfig({
    beneficiaries,
    dataset: [{ directory: 'data', exclude: ['*.tmp'] }],
    arrangement: { every: '24h' },
  });
  expect(said(await push())).toEqual(silent);
  expect(said(await status('--quiet'))).toEqual(silent);
  const loud = await supplier.depot(['push']);
  expect(loud.stderr).toMatch(/RSA 2048[^]*"\*\.tmp" matched nothing/);
});

describe('a dataset that shrank', () => {
  const words =
    /^depot: warning: acme-crm: the dataset shrank: it has 5 entries and 4,000 bytes, and the last deposit, (acme-crm_\w+), had 41 entries and 40,000 bytes\n$/;
  beforeEach(async () => {
    fill(40);
    await supplier.deposit();
    fill(4);
  });

  test('is reported by push, and by status until a deposit is as large again, however many small ones come first', async () => {
    const shrank = await push();
    expect([shrank.code, shrank.stdout]).toEqual([0, '']);
    expect(shrank.stderr).toMatch(words);
    const [, before] = words.exec(shrank.stderr)!;
    expect(said(await status('--quiet'))).toEqual([
      0,
      `acme-crm: the last deposit shrank: it has 5 entries, 3.9 KiB; the one before it, ${before}, had 41 entries, 39.1 KiB\n`,
      '',
    ]);

    // As small as the last one, so push does not warn; status still does.
    expect(said(await push())).toEqual(silent);
    const quiet = await status('--quiet');
    expect([quiet.code, quiet.stderr]).toEqual([0, '']);
    expect(quiet.stdout).toMatch(
      new RegExp(
        `^acme-crm: the dataset shrank, and has not grown back since: acme-crm_\\w+ of 20\\S+ \\S+ had 5 entries, 3\\.9 KiB; the one before it, ${before}, had 41 entries, 39\\.1 KiB\n$`,
      ),
    );
    expect((await status()).stdout).toContain(quiet.stdout);
    const { arrangements } = JSON.parse((await status('--json')).stdout) as {
      arrangements: { shrunk: unknown; lastDeposit: unknown }[];
    };
    expect(arrangements[0]).toMatchObject({
      shrunk: { entries: 5, bytes: 4000, from: { depositId: before, entries: 41, bytes: 40_000 } },
      lastDeposit: { shrunkFrom: null },
    });
    expect((await status('--prometheus')).stdout).toContain('depot_dataset_shrunk{arrangement="acme-crm"} 1\n');

    fill(40);
    expect(said(await push())).toEqual(silent);
    expect(said(await status('--quiet'))).toEqual(silent);
    expect((await status('--prometheus')).stdout).toContain('depot_dataset_shrunk{arrangement="acme-crm"} 0\n');
  });

  test('is reported with --json too, beside the document, but not with shrink: off', async () => {
    const shrank = await push('--json');
    expect(JSON.parse(shrank.stdout)).toMatchObject({
      ok: true,
      results: [{ deposit: { run: { dataset: { shrunk: true } } } }],
    });
    expect(shrank.stderr).toMatch(words);
    supplier.writeConfig({ arrangement: { shrink: 'off' } });
    expect(said(await status('--quiet'))).toEqual(silent);
  });

  test('is reported to notify.command if that asks for shrink, whether deposited or refused', async () => {
    const told = join(supplier.directory, 'told');
    const file = join(supplier.directory, 'alert');
    writeFileSync(file, '#!/bin/sh\ncat >> told\n');
    chmodSync(file, 0o755);
    const on = (events: string[], shrink: string): void => {
      supplier.writeConfig({ top: { notify: { command: [file], on: events } }, arrangement: { shrink } });
    };
    on(['shrink'], 'fail');
    expect((await push()).code).toBe(3);
    on(['failure', 'stale', 'killed'], 'warn');
    expect((await push('--dry-run')).stderr).toMatch(words);
    expect(
      readFileSync(told, 'utf8')
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { code: string }).code),
    ).toEqual(['source-shrunk']);
    rmSync(told);
    on(['shrink'], 'warn');
    expect((await push()).code).toBe(0);
    expect(JSON.parse(readFileSync(told, 'utf8'))).toMatchObject({
      exit: 0,
      code: null,
      published: 'yes',
      dataset: { shrunk: true },
    });
    rmSync(told);
    expect((await push()).code).toBe(0);
    expect(existsSync(told)).toBe(false);
  });
});

test('push and status report a key that expires within 30 days, and not one that is valid longer', async () => {
  fill(3);
  const soon = await keyFor('G', 9.5 * days);
  const later = await keyFor('G', 200 * days);
  supplier.writeConfig({ beneficiaries: [soon], arrangement: { every: '24h' } });
  const pushed = await push();
  expect([pushed.code, pushed.stdout]).toEqual([0, '']);
  expect(pushed.stderr).toMatch(/^depot: warning: acme-crm: key \w{4}….{4} expires on 20\S+Z, in 9 days\n$/);
  const quiet = await status('--quiet');
  expect([quiet.code, quiet.stderr]).toEqual([0, '']);
  expect(quiet.stdout).toMatch(
    /^acme-crm: the key of Beneficiary 1 \(\w{4}.+\w{4}\) expires on 20\d\d-\d\d-\d\d, in 9 days\n$/,
  );
  supplier.writeConfig({ beneficiaries: [later], arrangement: { every: '24h' } });
  expect([said(await push()), said(await status('--quiet'))]).toEqual([silent, silent]);

  const signer = await keyFor('Acme', 20.5 * days);
  writeFileSync(join(supplier.directory, 'keys/supplier.secret.asc'), signer.secret, { mode: 0o600 });
  expect((await push()).stderr).toMatch(/expires on 20\S+Z, in 20 days\n$/);
  expect((await status('--quiet')).stdout).toMatch(
    /^acme-crm: the key of Acme SaaS B\.V\. \(.*\) expires on 20\S+, in 20 days\n$/,
  );
});

test('a failed cleanup and a failed notification are reported', async () => {
  fill(3);
  supplier.writeConfig({
    dataset: [{ directory: 'data', cleanup: ['false'] }],
    top: { notify: { command: ['/nowhere/alert'], on: ['success'] } },
  });
  const { code, stdout, stderr } = await push();
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toMatch(
    /^depot: warning: acme-crm: source data: cleanup .*\n[^]*depot: warning: acme-crm: notify.command failed: /,
  );
});

test('status reports that the last run failed', async () => {
  fill(3);
  await supplier.deposit();
  supplier.writeConfig({ dataset: [{ directory: 'nowhere' }] });
  expect((await push()).code).toBe(3);
  const quiet = await status('--quiet');
  expect([quiet.code, quiet.stderr]).toEqual([0, '']);
  expect(quiet.stdout).toMatch(/^acme-crm: the last run failed: .*nowhere.*\n$/);
});

test('an emptied ledger is exit 32, quiet or not, and exit 31 if the deposit is stale as well', async () => {
  fill(3);
  await supplier.deposit();
  truncateSync(join(supplier.state, 'acme-crm/ledger.ndjson'));
  for (const args of [[], ['--quiet'], ['--json']]) {
    const found = await status(...args);
    expect([found.code, found.stdout]).toEqual([32, expect.stringContaining('ledger.ndjson is empty or missing')]);
  }
  expect(JSON.parse((await status('--json')).stdout)).toMatchObject({ ok: false });
  expect((await status('--prometheus')).code).toBe(0);
  expect((await status('--quiet', '--max-age', '0s')).code).toBe(31);
});
