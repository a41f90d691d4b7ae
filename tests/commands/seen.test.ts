/** What status, metrics and notify say of a push that was killed, and of a deposit that a wrong clock dated in the future. */
import { chmodSync, existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeEach, expect, test } from 'vitest';
import { describeSelf } from '../../src/state/holder.js';
import { timestamp } from '../../src/names/deposit.js';
import { appendRun, type RunRecord } from '../../src/state/runs.js';
import { checkout } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import type { Finished } from '../support/process.js';
import { nowhere, Supplier } from '../support/supplier.js';
import { deposit, ledgerOf } from '../state/samples.js';

const validate = new Ajv2020().compile(
  JSON.parse(readFileSync(join(checkout, 'schemas/run-1.schema.json'), 'utf8')) as object,
);
const minute = 60_000;
const ago = (ms: number): string => timestamp(new Date(Date.now() - ms));

let supplier: Supplier;
let made: Awaited<ReturnType<typeof ledgerOf>>;
beforeEach(async () => {
  supplier = await Supplier.create(nowhere);
  configure(['failure', 'stale']);
  made = await ledgerOf(supplier.state, 0);
});

function configure(on: string[]): void {
  const alert = join(supplier.directory, 'alert');
  writeFileSync(alert, '#!/bin/sh\ncat >> told\n');
  chmodSync(alert, 0o755);
  supplier.writeConfig({
    top: { notify: { command: [alert], on } },
    arrangement: { every: '24h' },
    remote: { retryFor: '1s' },
  });
}

const depot = (...args: string[]): Promise<Finished> =>
  depotHere([...args, '--config', supplier.config], { cwd: supplier.directory });
const metrics = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    (await depot('status', '--prometheus')).stdout.split('\n').flatMap((line) => {
      const found = /^(\w+)(?:\{arrangement="acme-crm"\})? (\S+)$/.exec(line);
      return found === null ? [] : [[found[1], Number(found[2])] as const];
    }),
  );

function told(): Record<string, unknown>[] {
  const file = join(supplier.directory, 'told');
  if (!existsSync(file)) return [];
  const records = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const record of records) expect(validate(record), JSON.stringify(validate.errors)).toBe(true);
  return records;
}

/** Leaves the lock of a process that no longer exists. */
async function killedPush(since: string, lastSeen: Date): Promise<void> {
  const lock = join(supplier.state, 'acme-crm/lock');
  writeFileSync(lock, JSON.stringify({ ...(await describeSelf(since)), pid: 4_194_303, started: '1' }));
  utimesSync(lock, lastSeen, lastSeen);
}

const run = (finishedAt: string, more: Partial<RunRecord> = {}): RunRecord => ({
  schema: 'depot.run/1',
  arrangement: 'acme-crm',
  startedAt: finishedAt,
  finishedAt,
  exit: 0,
  code: null,
  message: null,
  published: 'yes',
  depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410',
  bytes: 1,
  seconds: 1,
  lanes: 1,
  attempts: 1,
  reconnects: 0,
  host: 'h',
  ...more,
});

test('status reports a killed push with exit code 31, in JSON and in the metrics, and notifies once', async () => {
  await deposit(made.state, made.ledger, { at: ago(60 * minute) });
  await appendRun(made.state, run(ago(60 * minute), { depositId: null, published: 'no', code: 'skipped' }));
  expect((await depot('status')).code).toBe(0);
  expect(told()).toEqual([]);
  expect(await metrics()).toMatchObject({
    depot_last_run_exit_code: 0,
    depot_last_run_killed: 0,
    depot_run_in_progress: 0,
    depot_pending: 0,
  });

  const [since, lastSeen] = [ago(30 * minute), new Date(Date.now() - 10 * minute)];
  await killedPush(since, lastSeen);
  const status = await depot('status', '--json');
  expect(status.code).toBe(31);
  expect(JSON.parse(status.stdout)).toMatchObject({
    ok: false,
    arrangements: [{ stale: false, underWay: { killed: { pid: 4_194_303, since, lastSeen: timestamp(lastSeen) } } }],
  });
  expect(told()).toMatchObject([
    {
      code: 'killed',
      exit: 137,
      startedAt: since,
      finishedAt: timestamp(lastSeen),
      published: 'no',
      arrangement: 'acme-crm',
    },
  ]);
  const seen = await metrics();
  expect(seen).toMatchObject({
    depot_last_run_exit_code: 137,
    depot_last_run_killed: 1,
    depot_last_run_timestamp_seconds: Math.floor(lastSeen.getTime() / 1000),
    depot_run_started_timestamp_seconds: Date.parse(since) / 1000,
    depot_stale: 0,
  });
  expect(told()).toHaveLength(1);
  expect((await depot('status', '--quiet')).stdout).not.toBe('');

  // With "killed" alone, the next killed push is notified, too; with "stale" alone, it is not.
  configure(['killed']);
  await killedPush(ago(5 * minute), new Date(Date.now() - minute));
  await depot('status');
  expect(told()).toHaveLength(2);
  configure(['stale']);
  await killedPush(ago(3 * minute), new Date(Date.now() - minute));
  await depot('status');
  expect(told()).toHaveLength(2);
});

test('the next push writes the run record of the killed one, and notifies of it unless status has', async () => {
  const since = ago(30 * minute);
  await killedPush(since, new Date(Date.now() - 10 * minute));
  expect((await depot('push')).code).toBe(14);
  expect(supplier.runs()).toMatchObject([
    { code: 'killed', exit: 137, startedAt: since, published: 'no' },
    { code: 'unreachable' },
  ]);
  for (const record of supplier.runs()) expect(validate(record)).toBe(true);
  expect(told().map(({ code }) => code)).toEqual(['killed', 'unreachable']);

  rmSync(join(supplier.directory, 'told'));
  await killedPush(ago(5 * minute), new Date(Date.now() - minute));
  await depot('status');
  await depot('push');
  // The arrangement is also stale, since it has no deposit; that is not tested here.
  expect(
    told()
      .map(({ code }) => code)
      .filter((code) => code !== 'stale'),
  ).toEqual(['killed', 'unreachable']);
});

test('a deposit dated in the future is never fresh, as status, doctor, metrics and notify say until the next deposit', async () => {
  const {
    receipt: { depositId },
  } = await deposit(made.state, made.ledger, { at: '2091-01-01T00:30:00Z' });
  await appendRun(made.state, run('2091-01-01T00:30:00Z', { depositId }));
  const words = `the last deposit, ${depositId}, is dated 2091-01-01T00:30:00Z, which is in the future`;
  const status = await depot('status');
  expect(status.code).toBe(31);
  expect(status.stdout + status.stderr).toContain(words);
  expect(told()).toMatchObject([{ code: 'stale', message: expect.stringContaining(words) as string }]);
  expect(JSON.parse((await depot('status', '--json')).stdout)).toMatchObject({
    ok: false,
    arrangements: [{ stale: true, inFuture: true, ageSeconds: null }],
  });
  expect(await metrics()).toMatchObject({
    depot_stale: 1,
    depot_last_success_timestamp_seconds: 0,
    depot_last_run_timestamp_seconds: 0,
  });
  expect((await depot('doctor')).stdout.replace(/\s+/g, ' ')).toContain(words);
  // To --if-older-than it is not young, so the push goes on, and finds no server.
  expect((await depot('push', '--if-older-than', '20h')).code).toBe(14);

  const report = async () =>
    JSON.parse((await depot('report', '--out', join(supplier.directory, 'report.html'), '--json')).stdout) as {
      arrangements: { state: string; lastDeposit: object }[];
    };
  expect((await depot('report', '--out', join(supplier.directory, 'report.html'))).stdout).toMatch(
    /attention.*late: the last deposit is dated 2091|broken/,
  );
  const next = await deposit(made.state, made.ledger, { at: ago(minute) });
  expect((await report()).arrangements).toMatchObject([{ lastDeposit: { depositId: next.receipt.depositId } }]);
  expect((await depot('status')).code).toBe(0);
  expect(JSON.parse((await depot('status', '--json')).stdout)).toMatchObject({
    arrangements: [{ lastDeposit: { depositId: next.receipt.depositId }, inFuture: false, stale: false }],
  });
});

test('a notification dated in the future does not suppress the next one', async () => {
  await deposit(made.state, made.ledger, { at: ago(48 * 60 * minute) });
  await depot('status');
  expect(told()).toHaveLength(1);
  await depot('status');
  expect(told()).toHaveLength(1);
  const file = join(supplier.state, 'acme-crm/stale.json');
  writeFileSync(
    file,
    JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), notifiedAt: '2091-01-01T00:00:00Z' }),
  );
  await depot('status');
  expect(told()).toHaveLength(2);
});
