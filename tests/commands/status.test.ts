import { expect, test } from 'vitest';
import { statusLines } from '../../src/commands/status.js';
import { unbroken } from '../../src/ui/wrap.js';
import { judgeAge, type KeyStanding, type Standing } from '../../src/standing/standing.js';
import type { LastDeposit } from '../../src/state/list.js';
import type { RunRecord } from '../../src/state/runs.js';

const now = new Date('2026-11-23T07:48:00Z');
const hour = 3_600_000;
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
const daily = { name: 'acme-crm', every: 24 * hour };
const last = {
  deposit: {
    depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410',
    finishedAt: '2026-11-22T01:36:00Z',
    bytes: 1,
    seconds: 1,
    rehearsed: null,
    dataset: null,
    shrunkFrom: null,
  },
  run: run('2026-11-22T01:36:00Z'),
};

function standing(
  a: { name: string; every?: number },
  o: { deposit: LastDeposit | null; run: RunRecord | null; keys?: KeyStanding[]; proven?: Standing['proven'] },
): Standing {
  return {
    arrangement: a.name,
    lastDeposit: o.deposit,
    lastRun: o.run,
    lastWorkSeconds: o.run?.seconds ?? null,
    notice: null,
    ...judgeAge(a, o.deposit, undefined, now),
    late: null,
    proven: o.proven ?? null,
    shrunk: null,
    problems: [],
    chain: null,
    lost: [],
    pingFailure: null,
    keys: o.keys ?? [],
    underWay: { running: null, killed: null, pending: [], strays: [], unreadable: [] },
  };
}

test('the table marks what is stale and says how the last run ended', () => {
  const failed = run('2026-11-23T02:00:00Z', {
    exit: 14,
    code: 'unreachable',
    message: 'nothing listens there',
    published: 'no',
    depositId: null,
  });
  const standings = [
    standing(daily, { ...last, run: failed }),
    standing({ name: 'globex' }, { deposit: null, run: null }),
  ];
  const lines = statusLines(standings, { config: '/etc/depot/depot.yaml', state: '/var/lib/depot' }).map(unbroken);
  expect(lines[0]).toMatch(/^ARRANGEMENT +LAST DEPOSIT +AGE +EVERY +LAST RUN$/);
  expect(lines[1]).toMatch(
    /^acme-crm +2026-11-22 \d\d:36 \S+ +30h12m! +24h +failed 2026-11-23 \d\d:00 \S+, 14 server not reachable$/,
  );
  expect(lines[2]).toMatch(/^globex +never +– +– +never$/);
  expect(lines[3]).toBe(
    'acme-crm: stale: the last deposit, acme-crm_20261122T003000Z_5f0c9a1e77b2d410, is just over 30 h old; the limit is 30 h',
  );
  expect(lines.at(-1)).toBe('configuration /etc/depot/depot.yaml, state /var/lib/depot');
});

test('the table has a column for keys if one expires, marked if it is soon', () => {
  const key = (expiresAt: string | null): KeyStanding => ({
    role: 'recipient',
    name: 'Gemeente',
    fingerprint: 'AB',
    expiresAt,
  });
  const standings = [
    standing(daily, { ...last, keys: [key(null), key('2027-11-01T00:00:00Z'), key('2026-12-01T00:00:00Z')] }),
    standing({ name: 'globex' }, { deposit: null, run: null, keys: [key(null)] }),
  ];
  const lines = statusLines(standings, { config: 'c', state: 's' }, { now }).map(unbroken);
  expect(lines[0]).toMatch(/EVERY +KEY EXPIRES +LAST RUN$/);
  expect(lines[1]).toMatch(/24h +2026-12-01! +deposited/);
  expect(lines[2]).toMatch(/– +– +never$/);
});

test('the table has a column for proofs if there is one', () => {
  const proven = {
    depositId: 'acme-crm_20261120T120000Z_5f0c9a1e77b2d410',
    keyFingerprint: '8F3A'.repeat(10),
    beneficiary: 'Gemeente Voorbeeld',
    attestedAt: '2026-11-21T12:00:00Z',
    selfAttested: false,
  };
  const standings = [
    standing(daily, { ...last, proven }),
    standing(daily, { ...last, proven: { ...proven, selfAttested: true } }),
    standing({ name: 'globex' }, { deposit: null, run: null }),
  ];
  const lines = statusLines(standings, { config: 'c', state: 's' }, { now }).map(unbroken);
  expect(lines[0]).toMatch(/EVERY +PROVEN +LAST RUN$/);
  expect(lines[1]).toMatch(/24h +2026-11-20 by Gemeente Voorbeeld +deposited/);
  expect(lines[2]).toMatch(/24h +2026-11-20 self-attested +deposited/);
  expect(lines[3]).toMatch(/– +– +never$/);
});

test('on a terminal the last run is told so shortly that the row fits', () => {
  const failed = standing(daily, { ...last, run: run('2026-11-23T02:00:00Z', { exit: 14, code: 'unreachable' }) });
  const rowAt = (columns: number): string =>
    unbroken(statusLines([failed], { config: 'c', state: 's' }, { now, columns })[1]);
  expect(rowAt(Infinity)).toMatch(/failed 2026-11-23 \d\d:00 \S+, 14 server not reachable$/);
  expect(rowAt(80)).toMatch(/failed 2026-11-23 \d\d:00 \(14\)$/);
  expect(rowAt(60)).toMatch(/failed 14$/);
});

test('with many arrangements, the table ends with a total', () => {
  const lines = statusLines(
    Array.from({ length: 40 }, (_, i) => standing({ ...daily, name: `a-${i}` }, last)),
    { config: 'c', state: 's' },
    { now },
  ).map(unbroken);
  expect(lines.at(-2)).toBe('40 arrangements, 40 stale');
  expect(lines.at(-4)).toMatch(/^! after an age: stale/);
});
