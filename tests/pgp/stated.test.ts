import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isDepotError } from '../../src/errors.js';
import { readCertificate } from '../../src/pgp/keys.js';
import { judgeRecipient, judgeSigner } from '../../src/pgp/policy.js';
import { readStatedKey } from '../../src/pgp/stated.js';

const directory = new URL('../../test-fixtures/keys/', import.meta.url);
const files = readdirSync(directory).filter((name) => name.endsWith('.asc'));
const read = (name: string): Buffer => readFileSync(new URL(name, directory));
/** Between the making of the fixtures and the end of those that expire. */
const at = new Date();

describe('what a key file says agrees with what OpenPGP.js reads of it', () => {
  test.each(files)('%s', async (name) => {
    const certificate = await readCertificate(read(name)).catch(() => null);
    const stated = readStatedKey(read(name), 'encrypt');
    if (certificate === null) return;
    expect(stated?.fingerprint).toBe(certificate.fingerprint);
    for (const [purpose, judge] of [
      ['encrypt', () => judgeRecipient(certificate, certificate.fingerprint, at)],
      ['sign', () => judgeSigner(certificate, at)],
    ] as const) {
      const judged = await judge().catch((error: unknown) => {
        // Not fit for a push, so its expiry does not matter.
        if (isDepotError(error)) return null;
        throw error;
      });
      if (judged !== null)
        expect(readStatedKey(read(name), purpose)?.expiresAt?.getTime() ?? null).toBe(
          judged.expiresAt === null ? null : Date.parse(judged.expiresAt),
        );
    }
  });

  test('the expiry of an expired key is read too', () => {
    expect(readStatedKey(read('expired.public.asc'), 'encrypt')?.expiresAt?.getTime()).toBeLessThan(at.getTime());
  });
});

test.each([
  ['nothing', ''],
  ['text', 'hello'],
  ['armour without content', '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n'],
  ['half a packet', '\u0099\u0001'],
])('%s gives null', (_name, text) => {
  expect(readStatedKey(Buffer.from(text, 'latin1'), 'encrypt')).toBeNull();
});

test('a key that is cut short anywhere causes no exception', () => {
  const whole = read('curve25519.public.asc');
  for (let end = 0; end < whole.length; end += 7)
    expect(() => readStatedKey(whole.subarray(0, end), 'encrypt')).not.toThrow();
});
