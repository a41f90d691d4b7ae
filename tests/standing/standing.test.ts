import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { judgeAge, lateWords } from '../../src/standing/standing.js';
import { whyLate } from '../../src/standing/why-late.js';
import type { RunRecord } from '../../src/state/runs.js';

const now = new Date('2026-11-23T07:48:00Z');
const hour = 3_600_000;
const daily = { every: 24 * hour };
const last = {
  depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410',
  finishedAt: '2026-11-22T01:36:00Z',
  bytes: 1,
  seconds: 1,
  rehearsed: null,
  dataset: null,
  shrunkFrom: null,
};

describe('an arrangement is judged stale or not', () => {
  test.each<[string, Parameters<typeof judgeAge>, boolean]>([
    ['30 h 12 min old, daily: late by more than a quarter', [daily, last, undefined, now], true],
    ['29 h old, daily: late, but within a quarter', [daily, last, undefined, new Date('2026-11-23T06:36:00Z')], false],
    ['--max-age wins over every', [daily, last, 31 * hour, now], false],
    ['--max-age without every', [{}, last, 26 * hour, now], true],
    ['no interval was agreed', [{}, last, undefined, now], false],
    ['never deposited', [daily, null, undefined, now], true],
    ['never deposited, and no interval was agreed', [{}, null, undefined, now], false],
    ['ended', [{ ...daily, ended: new Date('2026-11-01') }, last, undefined, now], false],
    ['ends later', [{ ...daily, ended: new Date('2026-12-01') }, last, undefined, now], true],
    [
      'a deposit from the future, after a clock was set back: its age is not known',
      [daily, last, undefined, new Date('2026-11-21T00:00:00Z')],
      true,
    ],
    [
      'a deposit from the future, and no interval was agreed',
      [{}, last, undefined, new Date('2026-11-21T00:00:00Z')],
      false,
    ],
    [
      'a deposit of a machine whose clock is some minutes ahead',
      [daily, last, undefined, new Date('2026-11-22T01:30:00Z')],
      false,
    ],
  ])('%s', (_name, args, stale) => {
    expect(judgeAge(...args).stale).toBe(stale);
  });
});

test('a late deposit is described by its age and its limit in fitting units, or by its date in the future', () => {
  const said = (o: { allowedMs: number }, at: Date) =>
    lateWords({ lastDeposit: last, ...judgeAge({}, last, o.allowedMs, at) });
  expect(said({ allowedMs: 30 * hour }, new Date('2026-11-23T08:40:00Z'))).toBe(
    `the last deposit, ${last.depositId}, is 31 h old; the limit is 30 h`,
  );
  // Once "is 30 h old; the limit is 30 h".
  expect(said({ allowedMs: 30 * hour }, now)).toMatch(/is just over 30 h old; the limit is 30 h$/);
  expect(said({ allowedMs: 0 }, new Date('2026-11-22T01:36:07Z'))).toMatch(/is 7 s old; the limit is 0 s$/);
  expect(said({ allowedMs: 60_000 * 50 }, new Date('2026-11-22T02:36:07Z'))).toMatch(
    /is 60 min old; the limit is 50 min$/,
  );
  expect(said({ allowedMs: 30 * hour }, new Date('2026-11-20T00:00:00Z'))).toMatch(
    /is dated 2026-11-22T01:36:00Z, which is in the future/,
  );
  expect(lateWords({ lastDeposit: null, ...judgeAge(daily, null, undefined, now) })).toBe('there is no deposit yet');
});

test('why it is late: a schedule that does not run, a push that fails, hangs or was killed', async () => {
  const nothing = { running: null, killed: null, pending: [], strays: [], unreadable: [] };
  const runner = { pid: 14010, host: hostname(), since: '2026-11-23T05:31:00Z', lastSeen: '2026-11-23T05:31:30Z' };
  const run = { startedAt: '2026-11-23T05:34:00Z', exit: 0, code: null, message: null } as RunRecord;
  const why = (o: Partial<Parameters<typeof whyLate>[0]>) =>
    whyLate({ arrangement: 'acme-crm', underWay: nothing, lastRun: run, inFuture: false, ...o }, '/nowhere');
  expect(await why({})).toEqual({
    why: 'no push was started since 2026-11-23 05:34 UTC',
    hint: 'make a deposit now: «depot push acme-crm»; does its schedule run? systemctl list-timers depot.timer; crontab -l',
  });
  expect((await why({ lastRun: null })).why).toBe('no push was ever started');
  expect(
    await why({
      lastRun: { ...run, exit: 17, code: 'host-key', message: 'another host key\nmore' } as unknown as RunRecord,
    }),
  ).toEqual({
    why: 'the last run, started 2026-11-23 05:34 UTC, failed (17): another host key',
    hint: 'see all that it said: «depot runs acme-crm --failed»',
  });
  expect(await why({ underWay: { ...nothing, running: runner } })).toEqual({
    why: `a push has been running since 2026-11-23 05:31 UTC (process 14010 on ${hostname()})`,
    hint: 'wait for it to end; to stop it safely: kill 14010',
  });
  expect((await why({ underWay: { ...nothing, killed: runner } })).why).toMatch(
    /^the push that started 2026-11-23 05:31 UTC was killed/,
  );
});
