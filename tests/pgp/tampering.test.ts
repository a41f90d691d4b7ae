import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDepotError } from '../../src/errors.js';
import { wrapSessionKey, unwrapSessionKey, type Encryption } from '../../src/pgp/sessionkey.js';
import { judgeRecipient } from '../../src/pgp/policy.js';
import { readPreamble } from '../../src/pgp/preamble.js';
import { gcm, ocb, open, seal, secret, certificate, sourceOf, v1 } from './messages.js';

const at = new Date('2024-02-01T00:00:00Z');
const plain = Buffer.from('a suitcase that nobody may change. '.repeat(8));

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'opened';
  } catch (error) {
    return isDepotError(error) ? error.code : `not a DepotError: ${String(error)}`;
  }
}

/** Opens like `depot decrypt`: PKESK, session key, everything. */
async function openWith(message: Uint8Array, key: Awaited<ReturnType<typeof secret>>, piece?: number): Promise<Buffer> {
  const preamble = await readPreamble(sourceOf([message]));
  const { sessionKey, cipher } = await unwrapSessionKey(preamble.pkesk, key);
  return (
    await open(message, sessionKey, {
      ...(cipher === null ? {} : { cipher }),
      ...(piece === undefined ? {} : { piece }),
    })
  ).plain;
}

const sessionKey = Uint8Array.from({ length: 32 }, (_, i) => i);

async function sealedFor(
  name: string,
  encryption: Encryption,
): Promise<{ message: Buffer; key: Awaited<ReturnType<typeof secret>>; seipdAt: number }> {
  const c = await certificate(name);
  const recipient = await judgeRecipient(c, c.fingerprint, at);
  const pkesk = await wrapSessionKey(sessionKey, encryption, [recipient]);
  return {
    message: seal(plain, encryption, { pkesk, sessionKey }).message,
    key: await secret(name),
    seipdAt: pkesk.length,
  };
}

describe.each([
  ['SEIPDv1', v1],
  ['GCM', gcm(0)],
  ['OCB', ocb(0)],
] as const)('%s', (_, encryption) => {
  test('a changed bit in any packet fails with exit 21', async () => {
    const { message, key, seipdAt } = await sealedFor('curve25519', encryption);
    expect(await openWith(message, key)).toEqual(plain);
    // Unwrapping is slow: a sample of the bits in the session key packet, but each of its first bytes.
    const step = (bit: number): number => (bit >= 24 * 8 && bit >> 3 < seipdAt ? 3 : 1);
    for (let bit = 0; bit < message.length * 8; bit += step(bit)) {
      const changed = Buffer.from(message);
      changed[bit >> 3] ^= 1 << (bit & 7);
      // After the session key packet the key is known: unwrapping it thousands of times would only take time.
      const code = await codeOf(() => (bit >> 3 < seipdAt ? openWith(changed, key) : open(changed, sessionKey)));
      if (code !== 'verification-failed') throw new Error(`bit ${bit & 7} of byte ${bit >> 3}: ${code}`);
    }
  });

  test('a message that is cut short anywhere fails with exit 21', async () => {
    const { message } = await sealedFor('curve25519', encryption);
    for (let length = 0; length < message.length; length++) {
      expect(await codeOf(() => open(message.subarray(0, length), sessionKey)), `first ${length} bytes`).toBe(
        'verification-failed',
      );
    }
  });

  test('anything after the message fails with exit 21', async () => {
    const { message, key } = await sealedFor('curve25519', encryption);
    for (const more of [
      message,
      Buffer.of(0),
      Buffer.of(0xca, 3, 0x50, 0x47, 0x50),
      Buffer.of(0xd5, 1, 0),
      Buffer.of(0xc1),
      Buffer.of(0xff),
    ]) {
      expect(await codeOf(() => openWith(Buffer.concat([message, more]), key))).toBe('verification-failed');
    }
  });

  test('bytes that are removed, repeated or moved fail with exit 21', async () => {
    const { message, key, seipdAt } = await sealedFor('curve25519', encryption);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(message.length - 1),
        fc.nat(message.length - 1),
        fc.integer({ min: 1, max: 100 }),
        async (from, to, length) => {
          const piece = message.subarray(from, from + length);
          const without = Buffer.concat([message.subarray(0, from), message.subarray(from + length)]);
          const moved = Buffer.concat([without.subarray(0, to), piece, without.subarray(to)]);
          for (const changed of [
            without,
            moved,
            Buffer.concat([message.subarray(0, to), piece, message.subarray(to)]),
          ]) {
            if (changed.equals(message)) continue;
            // With the session key packet garbled altogether nothing shows that it was once for this key. What is put in before a
            // packet can by chance be one itself, of a kind that every reader passes over: then the message is as it was.
            expect(await codeOf(() => openWith(changed, key))).toBeOneOf([
              'verification-failed',
              ...(Math.min(from, to) < 100 ? ['not-addressed'] : []),
              ...(changed.length > message.length && (to === 0 || to === seipdAt) ? ['opened'] : []),
            ]);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

test.each(['rsa2048', 'nistp256'])('a changed bit in a session key packet for %s fails with exit 21', async (name) => {
  const { message, key, seipdAt } = await sealedFor(name, v1);
  for (let bit = 0; bit < seipdAt * 8; bit += name === 'rsa2048' ? 41 : 7) {
    const changed = Buffer.from(message);
    changed[bit >> 3] ^= 1 << (bit & 7);
    const code = await codeOf(() => openWith(changed, key));
    if (code !== 'verification-failed') throw new Error(`bit ${bit & 7} of byte ${bit >> 3}: ${code}`);
  }
});

test.each([
  ['GCM', gcm(0)],
  ['OCB', ocb(0)],
] as const)('%s chunks cannot be swapped, repeated, dropped, or ended early', async (_, encryption) => {
  const { message } = seal(Buffer.alloc(64 * 10, 1), encryption, { sessionKey });
  // Of this size the packet has a two-byte fixed length; chunks of 64 + 16 bytes follow its head.
  const start = 2 + message[1] + 3 + 36;
  const chunk = (i: number): Buffer => message.subarray(start + 80 * i, start + 80 * (i + 1));
  const body = (chunks: Buffer[], end: Buffer): Buffer => {
    const rest = Buffer.concat([message.subarray(start - 36, start), ...chunks, end]);
    const length = rest.length - 192;
    return Buffer.concat([
      message.subarray(0, 2 + message[1]),
      Buffer.of(0xd2, 192 + (length >> 8), length & 0xff),
      rest,
    ]);
  };
  const all = Array.from({ length: 10 }, (_unused, i) => chunk(i));
  const end = message.subarray(start + 800);
  expect(await codeOf(() => open(body(all, end), sessionKey))).toBe('opened');
  const [first, second, ...others] = all as [Buffer, Buffer, ...Buffer[]];
  for (const chunks of [
    [second, first, ...others],
    [second, ...others],
    [first, first, second, ...others],
  ]) {
    expect(await codeOf(() => open(body(chunks, end), sessionKey))).toBe('verification-failed');
  }
  for (let kept = 0; kept < 10; kept++) {
    expect(await codeOf(() => open(body(all.slice(0, kept), end), sessionKey))).toBe('verification-failed');
    expect(await codeOf(() => open(body(all.slice(0, kept), end.subarray(-16)), sessionKey))).toBe(
      'verification-failed',
    );
    expect(await codeOf(() => open(body(all.slice(0, kept), Buffer.alloc(0)), sessionKey))).toBe('verification-failed');
  }
});

test('a wrong session key always gives the same error as a changed message, so that it reveals nothing', async () => {
  const messages = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const { message } = seal(plain, v1);
    const failure = await open(
      message,
      Uint8Array.from({ length: 32 }, (_, j) => i + j),
    ).catch((error: unknown) => error as Error);
    messages.add((failure as Error).message);
  }
  expect([...messages]).toEqual([
    'not a valid OpenPGP message: the encrypted data was changed or cut short, or made with another session key',
  ]);
});
