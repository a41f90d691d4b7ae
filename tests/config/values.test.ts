import { expect, test } from 'vitest';

import { parseDay, parseDuration, parseHost, parseRate, parseSize, parseSpan } from '../../src/config/values.js';
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

test.each([
  ['20MiB/s', 20 * 1024 ** 2],
  ['1.5 MB/s', 1_500_000],
  ['1KiB/s', 1024],
  ['1024/s', 1024],
  ['none', Infinity],
  ['0', Infinity],
  ['1kB/s', 'wrong'],
  ['0/s', 'wrong'],
  ['0MiB/s', 'wrong'],
  ['20MiB', 'wrong'],
  ['20Mbit/s', 'wrong'],
  ['20MiB/h', 'wrong'],
  ['20MiB/s/s', 'wrong'],
  ['-1MiB/s', 'wrong'],
  ['9999999999999999TiB/s', 'wrong'],
  ['none/s', 'wrong'],
  ['None', 'wrong'],
  ['/s', 'wrong'],
  ['', 'wrong'],
])('the rate "%s" is %s', (text, expected) => {
  expect(value(parseRate(text))).toBe(expected);
});

test.each([
  ['08:00-18:00', [480, 1080]],
  ['8:00 - 18:30', [480, 1110]],
  ['22:00-06:00', [1320, 360]],
  ['00:00-24:00', [0, 1440]],
  ['23:59-00:00', [1439, 0]],
  ['08:00-08:00', 'wrong'],
  ['24:00-08:00', 'wrong'],
  ['08:00-24:01', 'wrong'],
  ['08:00-25:00', 'wrong'],
  ['08:60-18:00', 'wrong'],
  ['08:00', 'wrong'],
  ['08:00-', 'wrong'],
  ['8-18', 'wrong'],
  ['08:00–18:00', 'wrong'],
  ['08:00-18:00 ', 'wrong'],
])('the span "%s" is %j', (text, expected) => {
  const found = value(parseSpan(text));
  expect(found instanceof Object ? Object.values(found) : found).toEqual(expected);
});
