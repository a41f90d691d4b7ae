import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coveredBy, gapsOf, sharesOf } from '../../src/report/rhythm.js';

const [hour, every] = [1, 24];

describe('gaps', () => {
  test.each<[string, number[], number, [number, number, boolean][]]>([
    ['no deposit makes no gap', [], 1000, []],
    ['a deposit that is late by a quarter makes no gap', [0, 30], 31, []],
    ['a deposit that is later than that makes a gap', [0, 31], 32, [[0, 31, false]]],
    ['a gap after the last deposit is open', [0, 24], 55, [[24, 55, true]]],
    ['deposits more often than agreed make no gap', [0, 1, 2, 3], 20, []],
    [
      'two late deposits make two gaps',
      [0, 50, 74, 150],
      160,
      [
        [0, 50, false],
        [74, 150, false],
      ],
    ],
  ])('%s', (_name, times, until, gaps) => {
    expect(
      gapsOf(
        times.map((t) => t * hour),
        every * hour,
        until * hour,
      ),
    ).toEqual(gaps.map(([from, to, open]) => ({ from: from * hour, to: to * hour, open })));
  });
});

describe('the time that deposits cover', () => {
  test.each<[string, number[], number, [number, number][]]>([
    ['no deposit covers nothing', [], 100, []],
    ['one deposit covers the time up to now', [0], 10, [[0, 10]]],
    ['one deposit long ago covers one interval', [0], 100, [[0, 24]]],
    ['an unbroken row covers the whole time', [0, 24, 50], 60, [[0, 60]]],
    [
      'a row with a gap covers an interval more before the gap, and the time after it',
      [0, 24, 100],
      101,
      [
        [0, 48],
        [100, 101],
      ],
    ],
  ])('%s', (_name, times, until, covered) => {
    expect(coveredBy(times, every, until)).toEqual(covered);
  });
});

test('no share is larger than needed, and together they use up all there is, or all that is needed', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { maxLength: 50 }), fc.nat(10_000), (counts, most) => {
      const shares = sharesOf(counts, most);
      const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);
      expect(shares.every((share, i) => share >= 0 && share <= counts[i])).toBe(true);
      expect(sum(shares)).toBe(Math.min(most, sum(counts)));
    }),
  );
});
