import { describe, expect, test } from 'vitest';
import { standingOf, statusLines } from '../../src/commands/status.js';
import type { RunRecord } from '../../src/receipt/runs.js';

const now = new Date('2026-11-23T07:48:00Z');
const hour = 3_600_000;
const run = (finishedAt: string, more: Partial<RunRecord> = {}): RunRecord => ({
  schema: 'depot.run/1', arrangement: 'acme-crm', startedAt: finishedAt, finishedAt, exit: 0, code: null, message: null, published: 'yes',
  depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410', bytes: 1, seconds: 1, lanes: 1, attempts: 1, reconnects: 0, host: 'h', ...more,
});
const daily = { name: 'acme-crm', everyMs: 24 * hour };
const last = { deposit: { depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410', finishedAt: '2026-11-22T01:36:00Z', bytes: 1 }, run: run('2026-11-22T01:36:00Z') };

describe('stale', () => {
  test.each<[string, Parameters<typeof standingOf>, boolean]>([
    ['30 h 12 min old, daily: late by more than a quarter', [daily, last, undefined, now], true],
    ['29 h old, daily: late, but within a quarter', [daily, last, undefined, new Date('2026-11-23T06:36:00Z')], false],
    ['--max-age wins over every', [daily, last, 31 * hour, now], false],
    ['--max-age without every', [{ name: 'x' }, last, 26 * hour, now], true],
    ['nobody said how often', [{ name: 'x' }, last, undefined, now], false],
    ['never deposited', [daily, { deposit: null, run: null }, undefined, now], true],
    ['never deposited, and nobody said how often', [{ name: 'x' }, { deposit: null, run: null }, undefined, now], false],
    ['ended', [{ ...daily, ended: new Date('2026-11-01') }, last, undefined, now], false],
    ['ends later', [{ ...daily, ended: new Date('2026-12-01') }, last, undefined, now], true],
    ['a deposit from the future, after a clock was set back', [daily, last, undefined, new Date('2026-11-21T00:00:00Z')], false],
  ])('%s', (_name, args, stale) => {
    expect(standingOf(...args).stale).toBe(stale);
  });
});

test('the table marks what is stale and says how the last run ended', () => {
  const failed = run('2026-11-23T02:00:00Z', { exit: 14, code: 'unreachable', published: 'no', depositId: null });
  const standings = [standingOf(daily, { ...last, run: failed }, undefined, now), standingOf({ name: 'globex' }, { deposit: null, run: null }, undefined, now)];
  const lines = statusLines(standings, { config: '/etc/depot/depot.yaml', state: '/var/lib/depot' });
  expect(lines[0]).toMatch(/^ARRANGEMENT +LAST DEPOSIT +AGE +EVERY +LAST RUN$/);
  expect(lines[1]).toMatch(/^acme-crm +2026-11-22 \d\d:36 \S+ +30h12m! +24h +failed 2026-11-23 \d\d:00, 14 server not reachable$/);
  expect(lines[2]).toMatch(/^globex +never +– +– +never$/);
  expect(lines.at(-1)).toBe('configuration /etc/depot/depot.yaml, state /var/lib/depot');
});
