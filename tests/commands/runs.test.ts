import { appendFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { failureLines, runLines } from '../../src/commands/runs/lines.js';
import { DepotError } from '../../src/errors.js';
import { Run } from '../../src/push/run.js';
import { pastRuns } from '../../src/state/history.js';
import { lockArrangement } from '../../src/state/lock.js';
import { appendRun, type RunRecord } from '../../src/state/runs.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { unbroken } from '../../src/ui/wrap.js';
import { Child } from '../state/children.js';
import { tempDir } from '../support/cleanup.js';
import { depot, json } from '../support/cli.js';

const schema = JSON.parse(readFileSync(new URL('../../schemas/runs-1.schema.json', import.meta.url), 'utf8')) as object;
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, strictTypes: false }).compile(
  schema,
);

const run = (day: number, changes: Partial<RunRecord> = {}): RunRecord => {
  const date = `2026-11-${String(day).padStart(2, '0')}`;
  return {
    schema: 'depot.run/1',
    arrangement: 'acme-crm',
    startedAt: `${date}T00:30:00Z`,
    finishedAt: `${date}T00:36:13Z`,
    exit: 0,
    code: null,
    message: null,
    published: 'yes',
    depositId: `acme-crm_${date.replaceAll('-', '')}T003000Z_5f0c9a1e77b2d410`,
    bytes: 5_476_083_302,
    seconds: 373.2,
    lanes: 4,
    attempts: 1,
    reconnects: 0,
    host: 'db1',
    ...changes,
  };
};
const nothing = { published: 'no', depositId: null, bytes: null, lanes: null } as const;
const withoutHint = {
  ...nothing,
  exit: 14,
  code: 'unreachable',
  message: 'sftp.agent.example:22 not reachable for 30 min: connection timed out',
} as const;
const unreachable = { ...withoutHint, hint: 'bring up the VPN, then run it again: depot push acme-crm' };
const everything = [
  run(20),
  run(21, withoutHint),
  run(22, { ...nothing, code: 'skipped', message: 'the last deposit, x, is from 2026-11-20T00:36:13Z' }),
  run(23, { exit: 30, code: 'sidecars-pending', message: 'the receipt could not be delivered' }),
  run(24, {
    ...nothing,
    exit: 3,
    code: 'source-failed',
    message: 'source crm.pgdump: command failed\nno such database',
  }),
  run(25, unreachable),
  run(26, unreachable),
  run(27),
];

async function stateWith(records: readonly RunRecord[], directory = tempDir('depot-runs'), name = 'acme-crm') {
  const state = await ArrangementState.open(directory, name);
  for (const record of records) await appendRun(state, { ...record, arrangement: name });
  return { directory, state };
}

const runs = (directory: string, ...args: string[]): ReturnType<typeof depot> =>
  depot(['runs', '--state', directory, ...args], { cwd: directory, env: { HOME: directory, TZ: 'UTC' } });

test('runs lists what became of each push, newest first, one line each, whole where it is no terminal', async () => {
  const { directory } = await stateWith(everything);
  const { code, stdout, stderr } = await runs(directory);
  expect(code).toBe(0);
  expect(stdout).toBe(`STARTED           TOOK  RESULT     DEPOSIT OR REASON
2026-11-27 00:30  6m    deposited  5.1 GiB  acme-crm_20261127T003000Z_5f0c9a1e77b2d410
2026-11-26 00:30  6m    failed 14  sftp.agent.example:22 not reachable for 30 min: connection timed out
2026-11-25 00:30  6m    failed 14  sftp.agent.example:22 not reachable for 30 min: connection timed out
2026-11-24 00:30  6m    failed 3   source crm.pgdump: command failed …
2026-11-23 00:30  6m    failed 30  deposited; the receipt could not be delivered
2026-11-22 00:30  6m    skipped    the last deposit, x, is from 2026-11-20T00:36:13Z
2026-11-21 00:30  6m    failed 14  sftp.agent.example:22 not reachable for 30 min: connection timed out
2026-11-20 00:30  6m    deposited  5.1 GiB  acme-crm_20261120T003000Z_5f0c9a1e77b2d410
`);
  expect(stderr).toBe(`why they failed, and what to do: depot runs --failed --state ${directory}\n`);
  expect((await runs(directory, '--last', '2')).stderr).toContain(
    `for older runs: depot runs --last 10 --state ${directory}\n`,
  );
});

test('--failed tells each failure in full, with what to do, and one that comes again once', async () => {
  const { directory } = await stateWith(everything);
  const { code, stdout } = await runs(directory, '--failed');
  expect(code).toBe(0);
  expect(stdout).toBe(`acme-crm, 2026-11-26 00:30 UTC: failed after 6m with exit code 14 (unreachable) on db1
  sftp.agent.example:22 not reachable for 30 min: connection timed out; nothing was published
  what to do: bring up the VPN, then run it again: depot push acme-crm
  1 run before it failed in the same way, since 2026-11-25 00:30 UTC

acme-crm, 2026-11-24 00:30 UTC: failed after 6m with exit code 3 (source-failed) on db1
  source crm.pgdump: command failed; nothing was published
  no such database
  what to do: check the source

acme-crm, 2026-11-23 00:30 UTC: failed after 6m with exit code 30 (sidecars-pending) on db1
  the receipt could not be delivered; published as acme-crm_20261123T003000Z_5f0c9a1e77b2d410
  what to do: run it again

acme-crm, 2026-11-21 00:30 UTC: failed after 6m with exit code 14 (unreachable) on db1
  sftp.agent.example:22 not reachable for 30 min: connection timed out; nothing was published
  what to do: usually, bring up the VPN
`);
});

test('on a terminal of 80 columns each run has one line, and of an id its beginning', async () => {
  const { state } = await stateWith(everything);
  const past = await pastRuns(state, 100, () => true);
  for (const several of [false, true]) {
    const lines = runLines(past, { several, columns: 80 }).map(unbroken);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines).toHaveLength(9);
    expect(lines[2]).toMatch(/ {2}failed 14 {2}sftp\.agent\.example:22 not .*…$/);
  }
  expect(unbroken(runLines(past, { several: false, columns: 80 })[1])).toMatch(
    / {2}5\.1 GiB {2}acme-crm_20261127T003000Z$/,
  );
});

test('--json fits its schema; --last, --failed, --from and --to choose', async () => {
  const { directory } = await stateWith(everything);
  const days = async (...args: string[]): Promise<[string[], boolean]> => {
    const found = json(await runs(directory, '--json', ...args)) as unknown as {
      runs: { startedAt: string }[];
      more: boolean;
    };
    expect(validate(found), JSON.stringify(validate.errors)).toBe(true);
    return [found.runs.map(({ startedAt }) => startedAt.slice(8, 10)), found.more];
  };
  expect(await days()).toEqual([['27', '26', '25', '24', '23', '22', '21', '20'], false]);
  expect(await days('--last', '2')).toEqual([['27', '26'], true]);
  expect(await days('--last', '8')).toEqual([['27', '26', '25', '24', '23', '22', '21', '20'], false]);
  expect(await days('--failed')).toEqual([['26', '25', '24', '23', '21'], false]);
  expect(await days('--from', '2026-11-22', '--to', '2026-11-24')).toEqual([['24', '23', '22'], false]);
  expect(await days('--to', '2026-11-22', '--failed')).toEqual([['21'], false]);
});

test('runs of several arrangements are in one list, by time', async () => {
  const { directory } = await stateWith([run(1), run(3)]);
  await stateWith([run(2), run(4, unreachable)], directory, 'acme-hr');
  const { stdout } = await runs(directory);
  expect(stdout.split('\n').map((line) => line.slice(0, 23))).toEqual([
    'ARRANGEMENT  STARTED   ',
    'acme-hr      2026-11-04',
    'acme-crm     2026-11-03',
    'acme-hr      2026-11-02',
    'acme-crm     2026-11-01',
    '',
  ]);
  expect((await runs(directory, 'acme-hr', '--last', '1')).stdout).toMatch(/^2026-11-04 .* failed 14 /m);
  expect(await runs(directory, 'acme-cmr')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean acme-crm?') as string,
  });
});

test('a push that is running comes first, and one that was killed is there before the next push records it', async () => {
  const { directory, state } = await stateWith([run(1)]);
  const lock = await lockArrangement(state.directory, { telling: true });
  const found = json(await runs(directory, '--json')) as unknown as { runs: object[] };
  expect(validate(found), JSON.stringify(validate.errors)).toBe(true);
  expect(found.runs).toMatchObject([
    { result: 'running', finishedAt: null, exit: null, seconds: expect.any(Number) as number },
    { result: 'deposited' },
  ]);
  expect((await runs(directory)).stdout).toMatch(/\n\S+ \S+ +\S+ +running +on \S+\n/);
  await lock.release();

  const child = new Child(`
    const { lockArrangement } = module('lock.js');
    await lockArrangement(${JSON.stringify(state.directory)}, { telling: true });
    console.log('locked');
    process.stdin.resume();
  `);
  expect(await child.line()).toBe('locked');
  await child.kill();
  // As another push that fails without the lock would.
  await appendRun(
    state,
    run(30, { ...unreachable, startedAt: '2096-11-30T00:30:00Z', finishedAt: '2096-11-30T00:36:13Z' }),
  );
  const after = await pastRuns(state, 10, () => true);
  expect(after.map(({ result }) => result)).toEqual(['failed', 'killed', 'deposited']);
  expect(failureLines(after.slice(1, 2)).map(unbroken)).toEqual([
    expect.stringMatching(/^acme-crm, .*: killed after 0s$/) as string,
    expect.stringMatching(/^ {2}the push .* was killed, or the machine went down: .*; possibly published$/) as string,
    '  what to do: run it again: the next run settles it',
  ]);
});

test('records of other versions, and lines that are none, do no harm; nothing is written', async () => {
  const { directory, state } = await stateWith([run(1)]);
  appendFileSync(
    state.file('runs.ndjson'),
    `{"schema":"depot.run/1","exit":99,"finishedAt":"2026-11-02T00:00:00Z","host":"db1\\u001b[31m","new":{}}\nnull\n{"schema":"depot.ru`,
  );
  const before = [readdirSync(state.directory), statSync(state.directory).mtimeMs];
  const { code, stdout } = await runs(directory);
  expect([code, stdout.split('\n').slice(1)]).toEqual([
    0,
    [
      '2026-11-02 00:00  –     failed 99',
      '2026-11-01 00:30  6m    deposited  5.1 GiB  acme-crm_20261101T003000Z_5f0c9a1e77b2d410',
      '',
    ],
  ]);
  const failed = await runs(directory, '--failed');
  expect(failed.stdout).toContain('failed with exit code 99');
  expect(failed.stdout).not.toContain('\u001b');
  expect([readdirSync(state.directory), statSync(state.directory).mtimeMs]).toEqual(before);
});

test('without runs it says so; without a state directory that is no good news', async () => {
  const { directory } = await stateWith([]);
  expect(await runs(directory)).toMatchObject({ code: 0, stdout: `no runs in ${directory}\n` });
  expect(await runs(directory, '--failed', '--from', '2026-11-01')).toMatchObject({
    code: 0,
    stdout: `no run failed in this period in ${directory}\n`,
  });
  const gone = await depot(['runs', '--state', `${directory}/none`], { cwd: directory, env: { HOME: directory } });
  expect([gone.code, gone.stdout]).toEqual([24, expect.stringContaining('no runs: there is no directory') as string]);
});

test('a run record keeps the hint, without the marks around lines to type', () => {
  const error = new DepotError('unreachable', 'no answer', { hint: 'bring up the VPN, then: «depot push acme-crm»' });
  expect(new Run('acme-crm').ended(error).hint).toBe('bring up the VPN, then: depot push acme-crm');
  expect(new Run('acme-crm').ended(null)).not.toHaveProperty('hint');
});
