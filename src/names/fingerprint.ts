import type { Parsed } from './parsed.js';

/** An OpenPGP fingerprint in full, as our files have it: version 4 keys have 40 digits, version 6 keys 64. */
export const fingerprintPattern = /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/;

/** An OpenPGP fingerprint in full, in the ways that people copy it → upper-case hex, 40 or 64 digits. */
export function parseFingerprint(text: string): Parsed<string> {
  const hex = text.replace(/[\s:]/g, '').replace(/^0x/i, '').toUpperCase();
  if (fingerprintPattern.test(hex)) return { value: hex };
  if (!/^[0-9A-F]+$/.test(hex)) return { wrong: 'a fingerprint is 40 or 64 hexadecimal digits' };
  return hex.length === 8 || hex.length === 16
    ? { wrong: 'this is a key id, which others can imitate; give the full fingerprint (40 or 64 digits)' }
    : { wrong: `a fingerprint has 40 or 64 digits, this has ${hex.length}` };
}
