import { expect, test } from 'vitest';

import {
  parseArrangementName,
  parseDay,
  parseDuration,
  parseFingerprint,
  parseHost,
  parseHostKey,
  type Parsed,
  parseSize,
  partName,
} from '../../src/config/values.js';

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
])('duration %s', (text, expected) => {
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
])('size %s', (text, expected) => {
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
])('day %s', (text, expected) => {
  const found = value(parseDay(text));
  expect(found instanceof Date ? found.toISOString() : found).toBe(expected);
});

const forty = 'A'.repeat(40);
const sixtyFour = '0123456789abcdef'.repeat(4);
test.each([
  [forty, forty],
  [sixtyFour, sixtyFour.toUpperCase()],
  ['8f3a 0000 0000 0000 0000  0000 0000 0000 0000 91c2', '8F3A0000000000000000000000000000000091C2'],
  [`0x${forty}`, forty],
  [forty.replace(/(..)(?=.)/g, '$1:'), forty],
  [forty.slice(1), 'wrong'],
  [`${forty}A`, 'wrong'],
  ['8F3A…91C2', 'wrong'],
  ['0123456789ABCDEF', 'wrong'],
  ['89ABCDEF', 'wrong'],
  ['', 'wrong'],
  [forty.replace('A', 'G'), 'wrong'],
])('fingerprint %s', (text, expected) => {
  expect(value(parseFingerprint(text))).toBe(expected);
});

test('a key id is called one, since people paste it', () => {
  expect(parseFingerprint('0123456789ABCDEF')).toEqual({ wrong: expect.stringContaining('key id') });
});

const digest = 'QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU';
test.each([
  [`SHA256:${digest}`, `SHA256:${digest}`],
  [`SHA256:${digest}=`, `SHA256:${digest}`],
  [`ssh-ed25519 SHA256:${digest}`, `ssh-ed25519 SHA256:${digest}`],
  [`rsa-sha2-512 SHA256:${digest}`, `ssh-rsa SHA256:${digest}`],
  [`ssh-rsa  SHA256:${digest} `, `ssh-rsa SHA256:${digest}`],
  // As ssh-keygen -lf prints it, and the digits alone.
  [`256 SHA256:${digest} root@vm (ED25519)`, `ssh-ed25519 SHA256:${digest}`],
  [`3072 SHA256:${digest} no comment (RSA)`, `ssh-rsa SHA256:${digest}`],
  [`384 SHA256:${digest} a b (ECDSA)`, `ecdsa-sha2-nistp384 SHA256:${digest}`],
  [digest, `SHA256:${digest}`],
  [`256 SHA256:${digest} x (DSA)`, 'wrong'],
  ['2048 MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48 x (RSA)', 'wrong'],
  [digest.slice(1), 'wrong'],
  [`SHA256:${digest.slice(1)}`, 'wrong'],
  [`ssh-dss SHA256:${digest}`, 'wrong'],
  ['MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48', 'wrong'],
  ['16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48', 'wrong'],
  [`ssh-ed25519 SHA256:${digest} comment`, 'wrong'],
  ['', 'wrong'],
])('host key %s', (text, expected) => {
  expect(value(parseHostKey(text))).toBe(expected);
});

test('a public key in place of its fingerprint is answered with the fingerprint', () => {
  // Key and fingerprint as ssh-keygen -lf prints them.
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
  expect(parseHostKey(key)).toEqual({
    wrong:
      'this is a public key; write its fingerprint: ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
  });
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
])('host %s', (text, expected) => {
  expect(value(parseHost(text))).toBe(expected);
});

test('names of arrangements and of parts', () => {
  for (const good of ['a', 'acme-crm', '0', 'a'.repeat(41)])
    expect(parseArrangementName(good)).toEqual({ value: good });
  for (const bad of ['', '-a', 'A', 'a_b', 'a.b', 'a'.repeat(42), 'a\n', '../a'])
    expect(parseArrangementName(bad), bad).toHaveProperty('wrong');
  for (const part of ['x.part-000001', 'x.PART-1', '.part-9999999']) expect(partName.test(part), part).toBe(true);
  for (const other of ['x.part-', 'x.part-1a', 'part-000001']) expect(partName.test(other), other).toBe(false);
});
