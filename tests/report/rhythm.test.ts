import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coveredBy, gapsOf, sharesOf } from '../../src/report/rhythm.js';

const [hour, every] = [1, 24];

describe('gaps', () => {
  test.each<[string, number[], number, [number, number, boolean][]]>([
    ['no deposit: nothing was due', [], 1000, []],
    ['late by a quarter is not a gap', [0, 30], 31, []],
    ['late by more is one', [0, 31], 32, [[0, 31, false]]],
    ['the last one is open', [0, 24], 55, [[24, 55, true]]],
    ['more often than agreed', [0, 1, 2, 3], 20, []],
    [
      'two',
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

describe('what deposits answer for', () => {
  test.each<[string, number[], number, [number, number][]]>([
    ['nothing', [], 100, []],
    ['one, up to now', [0], 10, [[0, 10]]],
    ['one, too long ago', [0], 100, [[0, 24]]],
    ['an unbroken row', [0, 24, 50], 60, [[0, 60]]],
    [
      'a row with a gap',
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

test('shares: nobody gets more than needed, together no more than there is, and nothing is left while somebody wants it', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { maxLength: 50 }), fc.nat(10_000), (counts, most) => {
      const shares = sharesOf(counts, most);
      const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);
      expect(shares.every((share, i) => share >= 0 && share <= counts[i])).toBe(true);
      expect(sum(shares)).toBe(Math.min(most, sum(counts)));
    }),
  );
});
