import { describe, expect, test } from 'vitest';

import { hostKeyText, parseHostKey } from '../../src/names/host-key.js';
import type { Parsed } from '../../src/names/parsed.js';

function value(result: Parsed<unknown>): unknown {
  return 'wrong' in result ? 'wrong' : result.value;
}

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
])('the host key "%s" is read as "%s"', (text, expected) => {
  expect(value(hostKeyText(text))).toBe(expected);
});

describe('a public key', () => {
  // Key and fingerprint as ssh-keygen -lf prints them.
  const blob = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
  const print = 'ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU';

  test.each([
    `ssh-ed25519 ${blob}`,
    `ssh-ed25519 ${blob} root@vm`,
    `10.20.0.5 ssh-ed25519 ${blob}`,
    `[10.20.0.5]:2222 ssh-ed25519 ${blob} a comment\n`,
    `|1|c2FsdA==|aGFzaA== ssh-ed25519 ${blob}`,
  ])('is taken from the line %j of ssh-keyscan, known_hosts or a .pub file', (line) => {
    expect(hostKeyText(line)).toEqual({ value: print });
  });

  test.each([
    [`ssh-ed25519 ${blob.slice(0, -4)}`, 'damaged or cut off'],
    [`ssh-rsa ${blob}`, 'damaged or cut off'],
    [`ssh-dss ${blob}`, "'ssh-dss' is not a key type"],
    [`@revoked 10.20.0.5 ssh-ed25519 ${blob}`, 'marker'],
    [`@cert-authority ssh-ed25519 ${blob}`, 'marker'],
  ])('%j is refused: %s', (line, why) => {
    expect(parseHostKey(line)).toEqual({ wrong: expect.stringContaining(why) });
  });
});

test('a parsed host key has its type apart from its fingerprint', () => {
  expect(parseHostKey(`rsa-sha2-256 SHA256:${digest}=`)).toEqual({
    value: { type: 'ssh-rsa', fingerprint: `SHA256:${digest}` },
  });
  expect(parseHostKey(digest)).toEqual({ value: { type: null, fingerprint: `SHA256:${digest}` } });
});
