import fc from 'fast-check';
import { createCipheriv } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Cfb } from '../../src/pgp/cfb.js';
import { xor } from '../../src/pgp/xor.js';

describe('CFB by way of CBC and ECB', () => {
  const aes = fc.constantFrom(['AES-128', 16], ['AES-192', 24], ['AES-256', 32] as const) as fc.Arbitrary<
    ['AES-128' | 'AES-192' | 'AES-256', number]
  >;
  const sizes = fc.array(fc.oneof(fc.nat(40), fc.nat(2000), fc.constantFrom(32767, 32768, 32769, 70000)), {
    maxLength: 8,
  });

  test("is OpenSSL's CFB for every key size and every division of the stream", () => {
    fc.assert(
      fc.property(aes, sizes, fc.uint8Array({ minLength: 32, maxLength: 32 }), ([cipher, octets], lengths, random) => {
        const key = random.subarray(0, octets);
        const reference = createCipheriv(`${cipher.toLowerCase()}-cfb`, key, new Uint8Array(16));
        const encryptor = new Cfb('encrypt', cipher, key);
        const decryptor = new Cfb('decrypt', cipher, key);
        for (const length of lengths) {
          const plain = Buffer.alloc(length, random);
          const expected = reference.update(plain);
          const encrypted = encryptor.update(plain);
          expect(Buffer.compare(encrypted, expected)).toBe(0);
          expect(Buffer.compare(decryptor.update(encrypted), plain)).toBe(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('refuses a key of another size', () => {
    expect(() => new Cfb('decrypt', 'AES-256', new Uint8Array(16))).toThrow('does not fit the cipher');
  });
});

test('xor works in place and beyond one page', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 15, 16, 17, 32767, 32768, 32769, 100_001),
      fc.nat(255),
      fc.nat(255),
      (length, x, y) => {
        const a = new Uint8Array(length).fill(x);
        const b = Uint8Array.from(a, (_, i) => (i + y) & 0xff);
        const expected = Uint8Array.from(b, (octet) => octet ^ x);
        xor(a, b, a);
        expect(Buffer.compare(a, expected)).toBe(0);
      },
    ),
  );
});
