import { expect, test } from 'vitest';

import { parseDay, parseDuration, parseHost, parseSize } from '../../src/config/values.js';
import type { Parsed } from '../../src/names/parsed.js';

function value(result: Parsed<unknown>): unknown {
  return 'wrong' in result ? 'wrong' : result.value;
}

test.each([
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['4h', 14_400_000],
  ['1d', 86_400_000],
  ['2w', 1_209_600_000],
  ['2y', 63_072_000_000],
  ['0s', 0],
  ['24', 'wrong'],
  ['', 'wrong'],
  ['h', 'wrong'],
  ['-1h', 'wrong'],
  ['1.5h', 'wrong'],
  ['1 h', 'wrong'],
  ['4H', 'wrong'],
  ['1h30m', 'wrong'],
  ['9999999999s', 'wrong'],
  ['１h', 'wrong'],
])('the duration "%s" is %s', (text, expected) => {
  expect(value(parseDuration(text))).toBe(expected);
});

test.each([
  ['500MiB', 524_288_000],
  ['1GiB', 2 ** 30],
  ['1.5GiB', 1.5 * 2 ** 30],
  ['20GB', 2e10],
  ['1kB', 1000],
  ['1KiB', 1024],
  ['12', 12],
  ['12B', 12],
  ['1 TiB', 2 ** 40],
  ['0', 0],
  ['', 'wrong'],
  ['500M', 'wrong'],
  ['500mib', 'wrong'],
  ['1,5GiB', 'wrong'],
  ['-1', 'wrong'],
  ['9999999TiB', 'wrong'],
  ['1e3', 'wrong'],
  ['constructor', 'wrong'],
  ['1constructor', 'wrong'],
])('the size "%s" is %s', (text, expected) => {
  expect(value(parseSize(text))).toBe(expected);
});

test.each([
  ['2027-01-31', '2027-01-31T00:00:00.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ['2027-02-29', 'wrong'],
  ['2027-02-31', 'wrong'],
  ['2027-13-01', 'wrong'],
  ['31-01-2027', 'wrong'],
  ['2027-1-31', 'wrong'],
  ['2027-01-31T00:00:00Z', 'wrong'],
])('the day "%s" is %s', (text, expected) => {
  const found = value(parseDay(text));
  expect(found instanceof Date ? found.toISOString() : found).toBe(expected);
});

test.each([
  ['10.20.0.5', '10.20.0.5'],
  ['sftp.example.org', 'sftp.example.org'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['::1', '::1'],
  ['a', 'a'],
  ['under_score.local', 'under_score.local'],
  ['sftp://host', 'wrong'],
  ['acme@host', 'wrong'],
  ['host:22', 'wrong'],
  ['[::1]', 'wrong'],
  ['two words', 'wrong'],
  ['-oProxyCommand=x', 'wrong'],
  ['host/path', 'wrong'],
  ['a'.repeat(254), 'wrong'],
  ['ho\nst', 'wrong'],
])('the host "%s" is %s', (text, expected) => {
  expect(value(parseHost(text))).toBe(expected);
});
