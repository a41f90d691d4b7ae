import fc from 'fast-check';
import { ecb } from '@noble/ciphers/aes.js';
import { createCipheriv } from 'node:crypto';
import { expect, test } from 'vitest';
import { Ocb, ocbTag } from '../../src/opener/ocb.js';

const encryptor =
  (key: Uint8Array) =>
  (blocks: Uint8Array): Uint8Array =>
    ecb(key, { disablePadding: true }).encrypt(blocks);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const aad = fc.uint8Array({ maxLength: 40 });

function seal(key: Uint8Array, nonce: Uint8Array, data: Uint8Array, plain: Uint8Array): Uint8Array<ArrayBuffer> {
  const cipher = createCipheriv(`aes-${(key.length * 8) as 256}-ocb`, key, nonce, { authTagLength: 16 }).setAAD(data);
  return new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
}

test('OCB computed by way of CBC agrees with OpenSSL, and notices a changed bit', async () => {
  const key = fc.constantFrom(16, 24, 32).chain(bytes);
  const plain = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.constantFrom(1024, 4096, 65_536, 65_537).map((length) => new Uint8Array(length).map((_, i) => i * 7)),
  );
  await fc.assert(
    fc.asyncProperty(key, bytes(15), aad, plain, fc.nat(), async (k, nonce, data, text, where) => {
      const sealed = seal(k, nonce, data, text);
      const ocb = new Ocb(k, encryptor(k));
      expect(Buffer.compare((await ocb.decrypt(nonce, data, sealed))!, text)).toBe(0);
      const changed = sealed.slice();
      changed[where % changed.length] ^= 1;
      expect(await ocb.decrypt(nonce, data, changed)).toBeNull();
    }),
    { numRuns: 60 },
  );
});

test('the tag of an empty message agrees with OpenSSL', () => {
  fc.assert(
    fc.property(bytes(32), bytes(15), aad, (key, nonce, data) => {
      expect(Buffer.from(ocbTag(encryptor(key), nonce, data))).toEqual(
        Buffer.from(seal(key, nonce, data, new Uint8Array(0))),
      );
    }),
    { numRuns: 60 },
  );
});
