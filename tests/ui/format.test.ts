import { describe, expect, test } from 'vitest';
import {
  age,
  ago,
  bytes,
  count,
  counted,
  duration,
  groupedFingerprint,
  localTime,
  rate,
  shortDigest,
  shortFingerprint,
  table,
} from '../../src/ui/format.js';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [1_048_575, '1.0 MiB'],
  [14 * 1024 ** 2, '14.0 MiB'],
  [Math.round(18.4 * 1024 ** 3), '18.4 GiB'],
  [2 ** 53 - 1, '8.0 PiB'],
])('bytes(%d) is %s', (count, text) => {
  expect(bytes(count)).toBe(text);
});

test.each([
  [0, '0.0 s'],
  [400, '0.4 s'],
  [13_000, '13 s'],
  [60_000, '1 min'],
  [373_000, '6 min 13 s'],
  [3_600_000, '1 h'],
  [7_500_000, '2 h 5 min'],
  [273_600_000, '3 d 4 h'],
  [-5, '0.0 s'],
])('duration(%d) is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [0, '0s'],
  [59_000, '59s'],
  [720_000, '12m'],
  [86_400_000, '24h'],
  [108_720_000, '30h12m'],
  [3_900_000, '1h05m'],
  [5 * 86_400_000, '5d'],
  [5 * 86_400_000 + 7_200_000, '5d2h'],
])('age(%d) is %s', (ms, text) => {
  expect(age(ms)).toBe(text);
});

test('what is less than a minute ago was just now', () => {
  expect([ago(0), ago(59_999), ago(60_000)]).toEqual(['just now', 'just now', '1m ago']);
});

test('a rate can be computed even if no time has passed', () => {
  expect(rate(14 * 1024 ** 2, 1000)).toBe('14.0 MiB/s');
  expect(rate(1024, 0)).toBe('1000.0 KiB/s');
});

describe('times are local and give their zone', () => {
  test.each([
    ['Europe/Amsterdam', '2026-11-22 01:36 CET'],
    ['UTC', '2026-11-22 00:36 UTC'],
  ])('%s', (zone, text) => {
    expect(localTime(new Date('2026-11-22T00:36:00Z'), zone)).toBe(text);
  });
  test('in summer time', () => {
    expect(localTime(new Date('2026-07-01T22:05:00Z'), 'Europe/Amsterdam')).toBe('2026-07-02 00:05 CEST');
  });
});

test('numbers are grouped; fingerprints and digests are shortened or grouped', () => {
  expect(count(4812)).toBe('4,812');
  expect([counted(1, 'entry', 'entries'), counted(4812, 'entry', 'entries'), counted(0, 'file')]).toEqual([
    '1 entry',
    '4,812 entries',
    '0 files',
  ]);
  expect(shortFingerprint('8F3A0C11D2E4F5061728394A5B6C7D8E9FA091C2')).toBe('8F3A…91C2');
  expect(shortDigest(`9f2c7d0b${'0'.repeat(52)}e17b`)).toBe('9f2c7d0b…e17b');
  expect(groupedFingerprint('8F3A0C11D2')).toBe('8F3A 0C11 D2');
});

test('tables align their columns and have no blanks at the end of a line', () => {
  expect(
    table([
      ['A', 'LONG'],
      ['longer', 'x'],
      ['b', ''],
    ]).map((row) => row.text),
  ).toEqual(['A       LONG', 'longer  x', 'b']);
});
