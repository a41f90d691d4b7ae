/** `depot status` as machines read it: exit codes, JSON and Prometheus's text format, checked by Prometheus's own promtool. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readCertificate } from '../../src/pgp/keys.js';
import { type Measured, prometheusText } from '../../src/ui/prometheus.js';
import { appendRun, type RunRecord } from '../../src/state/runs.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { checkout, depot, json } from '../support/cli.js';
import { peer } from '../support/peers.js';
import { type Finished, run } from '../support/process.js';

const promtool = peer('promtool');
const hour = 3_600_000;
const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
const deposited = Date.now() - 40 * hour;
const failed = Date.now() - 10 * hour;

let directory: string;
let config: string;
let fingerprint: string;

beforeAll(async () => {
  directory = tempDir('depot-metrics');
  config = join(directory, 'depot.yaml');
  mkdirSync(join(directory, 'keys'), { mode: 0o700 });
  const fixture = (name: string): string => join(checkout, 'test-fixtures/keys', name);
  copyFileSync(fixture('curve25519.public.asc'), join(directory, 'keys/b.asc'));
  copyFileSync(fixture('expired.public.asc'), join(directory, 'keys/expired.asc'));
  copyFileSync(fixture('rsa3072.secret.asc'), join(directory, 'keys/signer.asc'));
  const read = async (name: string): Promise<string> =>
    (await readCertificate(readFileSync(join(directory, 'keys', name)))).fingerprint;
  fingerprint = await read('b.asc');
  const expired = await read('expired.asc');
  const beneficiary = { name: 'Gemeente "V"', key: 'keys/b.asc', fingerprint };
  const arrangement = { beneficiaries: [beneficiary], dataset: [{ directory: '/srv' }], every: '24h' };
  writeFileSync(
    config,
    stringify({
      version: 1,
      supplier: { name: 'Acme', signingKey: 'keys/signer.asc' },
      state: 'state',
      remote: {
        host: '127.0.0.1',
        username: 'acme',
        directory: '/in',
        hostKey: [`SHA256:${'A'.repeat(43)}`],
        privateKey: 'keys/none',
      },
      arrangements: {
        'acme-crm': arrangement,
        globex: {
          ...arrangement,
          beneficiaries: [beneficiary, { name: 'Old', key: 'keys/expired.asc', fingerprint: expired }],
        },
        initech: { ...arrangement, ended: '2026-01-01' },
      },
    }),
    { mode: 0o600 },
  );
  const state = await ArrangementState.open(join(directory, 'state'), 'acme-crm');
  const record: RunRecord = {
    schema: 'depot.run/1',
    arrangement: 'acme-crm',
    startedAt: time(deposited),
    finishedAt: time(deposited),
    exit: 0,
    code: null,
    message: null,
    published: 'yes',
    depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410',
    bytes: 4711,
    seconds: 2.5,
    lanes: 1,
    attempts: 1,
    reconnects: 0,
    host: 'h',
  };
  await appendRun(state, record);
  // What a push leaves whose receipt could not be written; the next push writes it.
  writeFileSync(join(directory, 'state/acme-crm/pending', `${record.depositId!}.json`), '{}');
  await appendRun(state, {
    ...record,
    startedAt: time(failed),
    finishedAt: time(failed),
    exit: 14,
    code: 'unreachable',
    published: 'no',
    depositId: null,
    bytes: null,
    seconds: 1800,
  });
  // A second chance that found nothing to do took no time worth telling.
  const other = await ArrangementState.open(join(directory, 'state'), 'initech');
  const nothing = { ...record, arrangement: 'initech', published: 'no', depositId: null, bytes: null } as const;
  await appendRun(other, { ...nothing, exit: 3, code: 'source-failed', seconds: 7 });
  await appendRun(other, { ...nothing, code: 'skipped', seconds: 0.1 });
});

function status(...args: string[]): Promise<Finished> {
  return depot(['status', '--config', config, ...args], { cwd: directory });
}

test('status exits with 31 if an arrangement is stale; --max-age changes the limit', async () => {
  const stale = await status('--json');
  expect(stale.code).toBe(31);
  const document = json(stale) as unknown as { ok: boolean; arrangements: Record<string, unknown>[] };
  expect(document.ok).toBe(false);
  expect(document.arrangements.map(({ arrangement, stale: is, ended }) => [arrangement, is, ended])).toEqual([
    ['acme-crm', true, false],
    ['globex', true, false],
    ['initech', false, true],
  ]);
  expect(document.arrangements[0]).toMatchObject({
    lastDeposit: { bytes: 4711 },
    lastRun: { exit: 14 },
    everySeconds: 86_400,
    allowedSeconds: 108_000,
    keys: [
      { role: 'recipient', fingerprint, expiresAt: null },
      { role: 'signer', expiresAt: null },
    ],
  });
  const fresh = await status('acme-crm', '--max-age', '3d', '--quiet');
  expect([fresh.code, fresh.stderr]).toEqual([0, '']);
  // Not stale; but somebody should hear that the last run failed.
  expect(fresh.stdout).toMatch(/^acme-crm: the last run failed/);
});

describe('--prometheus', () => {
  test('prints the documented metrics of every arrangement, and exits with 0 even if one is stale', async () => {
    const { code, stdout, stderr } = await status('--prometheus');
    expect([code, stderr]).toEqual([0, '']);
    const lines = new Set(stdout.split('\n'));
    for (const line of [
      'depot_status_success 1',
      `depot_last_success_timestamp_seconds{arrangement="acme-crm"} ${Math.floor(deposited / 1000)}`,
      'depot_last_success_bytes{arrangement="acme-crm"} 4711',
      `depot_last_run_timestamp_seconds{arrangement="acme-crm"} ${Math.floor(failed / 1000)}`,
      'depot_last_run_exit_code{arrangement="acme-crm"} 14',
      'depot_last_success_duration_seconds{arrangement="acme-crm"} 2.5',
      'depot_last_run_duration_seconds{arrangement="acme-crm"} 1800',
      'depot_last_run_duration_seconds{arrangement="initech"} 7',
      'depot_deposit_interval_seconds{arrangement="acme-crm"} 86400',
      'depot_deposit_interval_seconds{arrangement="globex"} 86400',
      'depot_stale{arrangement="globex"} 1',
      'depot_stale{arrangement="initech"} 0',
      `depot_key_expiry_timestamp_seconds{arrangement="acme-crm",role="recipient",fingerprint="${fingerprint}"} +Inf`,
    ])
      expect(lines).toContain(line);
    expect(stdout).not.toMatch(
      /depot_last_success\w*\{arrangement="globex"\}|depot_deposit_interval_seconds\{arrangement="initech"\}/,
    );
    expect(stdout).toMatch(
      /depot_key_expiry_timestamp_seconds\{arrangement="globex",role="recipient",fingerprint="[0-9A-F]{40}"\} \d{10}\n/,
    );
  });

  test('says whether the last deposit was rehearsed, and when a beneficiary last opened one', () => {
    const deposit = {
      finishedAt: time(deposited),
      bytes: 1,
      seconds: 1,
      rehearsed: true,
      dataset: null,
      shrunkFrom: null,
    };
    const killed = { since: time(deposited), lastSeen: time(deposited + 90_000) };
    const measured: Measured = {
      arrangement: 'a',
      shrunk: null,
      lastDeposit: deposit,
      lastRun: null,
      lastWorkSeconds: 3,
      proven: { attestedAt: time(failed), selfAttested: false },
      everyMs: null,
      ended: false,
      stale: false,
      inFuture: false,
      underWay: { running: null, killed, pending: [] },
      chain: null,
      lost: [],
      problems: [],
      keys: [],
    };
    const text = (change: Partial<Measured>): string =>
      prometheusText([{ ...measured, ...change }], { readable: true });
    expect(text({})).toMatch(/^depot_last_success_rehearsed\{arrangement="a"\} 1$/m);
    expect(text({})).toMatch(
      new RegExp(`^depot_last_attestation_timestamp_seconds\\{arrangement="a"\\} ${Math.floor(failed / 1000)}$`, 'm'),
    );
    expect(text({})).toMatch(/^depot_last_run_duration_seconds\{arrangement="a"\} 90$/m);
    expect(text({ lastDeposit: { ...deposit, rehearsed: false } })).toMatch(/^depot_last_success_rehearsed\S+ 0$/m);
    // Run records are whoever's can write to the state directory: a value is a number, or there is none.
    const forged = { underWay: { running: null, killed: null, pending: [] }, lastWorkSeconds: '1\nevil 7' as never };
    expect(text(forged)).not.toMatch(/evil|depot_last_run_duration_seconds/);
    // What the supplier stated itself proves nothing of the beneficiary.
    expect(text({ proven: { attestedAt: time(failed), selfAttested: true } })).not.toContain('depot_last_attestation');
  });

  test.skipIf(promtool === undefined)('prints what promtool accepts; cut short, promtool refuses it', async () => {
    const { bytes } = await status('--prometheus');
    const good = await run(promtool!, ['check', 'metrics'], { input: bytes });
    expect([good.code, good.stdout + good.stderr]).toEqual([0, '']);
    const bad = await run(promtool!, ['check', 'metrics'], { input: bytes.subarray(0, bytes.lastIndexOf('"')) });
    expect(bad.code).not.toBe(0);
  });

  test('with --out replaces the file as a whole, and lets the collector read it', async () => {
    const out = join(directory, 'textfile/depot.prom');
    mkdirSync(join(directory, 'textfile'));
    for (let i = 0; i < 2; i++)
      expect(await status('--prometheus', '--out', 'textfile/depot.prom')).toMatchObject({
        code: 0,
        stdout: '',
        stderr: '',
      });
    expect(readdirSync(join(directory, 'textfile'))).toEqual(['depot.prom']);
    expect(statSync(out).mode & 0o777).toBe(0o644);
    expect(readFileSync(out, 'utf8')).toBe((await status('--prometheus')).stdout);
  });

  test('reports an unreadable configuration as a metric and on standard error, and exits with 0', async () => {
    const out = join(directory, 'broken.prom');
    const broken = await depot(['status', '--prometheus', '--out', out, '--config', join(directory, 'nowhere.yaml')], {
      cwd: directory,
    });
    expect(broken.code).toBe(0);
    expect(broken.stderr).toMatch(/^depot: error: /);
    expect(readFileSync(out, 'utf8')).toMatch(/^depot_status_success 0$/m);
  });

  test('exits with 5 if the file cannot be written, since no metric would tell', async () => {
    const refused = await status('--prometheus', '--out', 'no/such/directory/depot.prom');
    expect([refused.code, existsSync(join(directory, 'no'))]).toEqual([5, false]);
  });
});
