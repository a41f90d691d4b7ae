import { describe, expect, test } from 'vitest';
import { judgeAge } from '../../src/deposit/standing.js';

const now = new Date('2026-11-23T07:48:00Z');
const hour = 3_600_000;
const daily = { everyMs: 24 * hour };
const last = { depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410', finishedAt: '2026-11-22T01:36:00Z', bytes: 1 };

describe('stale', () => {
  test.each<[string, Parameters<typeof judgeAge>, boolean]>([
    ['30 h 12 min old, daily: late by more than a quarter', [daily, last, undefined, now], true],
    ['29 h old, daily: late, but within a quarter', [daily, last, undefined, new Date('2026-11-23T06:36:00Z')], false],
    ['--max-age wins over every', [daily, last, 31 * hour, now], false],
    ['--max-age without every', [{}, last, 26 * hour, now], true],
    ['nobody said how often', [{}, last, undefined, now], false],
    ['never deposited', [daily, null, undefined, now], true],
    ['never deposited, and nobody said how often', [{}, null, undefined, now], false],
    ['ended', [{ ...daily, ended: new Date('2026-11-01') }, last, undefined, now], false],
    ['ends later', [{ ...daily, ended: new Date('2026-12-01') }, last, undefined, now], true],
    ['a deposit from the future, after a clock was set back', [daily, last, undefined, new Date('2026-11-21T00:00:00Z')], false],
  ])('%s', (_name, args, stale) => {
    expect(judgeAge(...args).stale).toBe(stale);
  });
});
