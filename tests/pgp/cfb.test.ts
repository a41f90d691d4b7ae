import fc from 'fast-check';
import { createCipheriv } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { CfbDecipher } from '../../src/pgp/cfb.js';

describe('CFB decryption by way of ECB', () => {
  const aes = fc.constantFrom(['AES-128', 16], ['AES-192', 24], ['AES-256', 32] as const) as fc.Arbitrary<
    ['AES-128' | 'AES-192' | 'AES-256', number]
  >;
  const sizes = fc.array(fc.oneof(fc.nat(40), fc.nat(2000), fc.constantFrom(32767, 32768, 32769, 70000)), {
    maxLength: 8,
  });

  test("reads what OpenSSL's CFB wrote, for every key size and however the stream is divided", () => {
    fc.assert(
      fc.property(aes, sizes, fc.uint8Array({ minLength: 32, maxLength: 32 }), ([cipher, bytes], lengths, random) => {
        const key = random.subarray(0, bytes);
        const reference = createCipheriv(`${cipher.toLowerCase()}-cfb`, key, new Uint8Array(16));
        const decipher = new CfbDecipher(cipher, key);
        for (const length of lengths) {
          const plain = Buffer.alloc(length, random);
          expect(Buffer.compare(decipher.update(reference.update(plain)), plain)).toBe(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('refuses a key of another size', () => {
    expect(() => new CfbDecipher('AES-256', new Uint8Array(16))).toThrow('does not fit the cipher');
  });
});
