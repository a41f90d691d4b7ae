import { expect, test } from 'vitest';

import { fingerprintPattern, parseFingerprint } from '../../src/names/fingerprint.js';
import type { Parsed } from '../../src/names/parsed.js';

function value(result: Parsed<unknown>): unknown {
  return 'wrong' in result ? 'wrong' : result.value;
}

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
])('the fingerprint "%s" is read as %s', (text, expected) => {
  expect(value(parseFingerprint(text))).toBe(expected);
});

test('a key id, which people paste, is refused as a key id', () => {
  expect(parseFingerprint('0123456789ABCDEF')).toEqual({ wrong: expect.stringContaining('key id') });
});

test("a fingerprint in depot's own files is exactly 40 or 64 upper-case digits", () => {
  for (const good of [forty, sixtyFour.toUpperCase()]) expect(fingerprintPattern.test(good), good).toBe(true);
  for (const bad of [sixtyFour, `${forty}\n`, `0x${forty}`, 'A'.repeat(50)])
    expect(fingerprintPattern.test(bad), bad).toBe(false);
});
