import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Digests, type DigestAlgorithm } from '../../src/digest/digests.js';
import { Ring } from '../../src/digest/ring.js';

const MiB = 1024 * 1024;
const direct = (algorithm: DigestAlgorithm, bytes: Uint8Array): string =>
  createHash(algorithm).update(bytes).digest('hex');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** As `npm run build` made it. */
const thread = new URL('../../dist/digest/thread.js', import.meta.url);

describe.each([
  ['a thread', thread],
  ['no thread', null],
])('with %s', (_, entry) => {
  test.each([0, 1, MiB / 2 - 1, MiB / 2, MiB, MiB + 1, 9 * MiB + 3])(
    'two streams of %i octets, in pieces that fit nothing',
    (octets) => {
      const bytes = randomBytes(octets);
      const digests = new Digests(entry);
      const [sha1, sha256] = [digests.of('sha1'), digests.of('sha256')];
      for (let at = 0; at < octets; at += 333_333) {
        sha1.update(bytes.subarray(at, at + 333_333));
        sha256.update(bytes.subarray(at, at + 333_333));
      }
      expect(hex(sha256.digest())).toBe(direct('sha256', bytes));
      expect(hex(sha1.digest())).toBe(direct('sha1', bytes));
    },
  );

  test('what is given may change at once', () => {
    const digests = new Digests(entry);
    const digest = digests.of('sha256');
    const buffer = Buffer.alloc(100_000);
    const all = createHash('sha256');
    for (let i = 0; i < 50; i++) {
      buffer.fill(i);
      digest.update(buffer);
      all.update(buffer);
      buffer.fill(255);
    }
    expect(hex(digest.digest())).toBe(all.digest('hex'));
  });

  test('a stream that nothing was put into, beside a long one', () => {
    const digests = new Digests(entry);
    const [long, empty] = [digests.of('sha256'), digests.of('sha1')];
    const bytes = randomBytes(3 * MiB);
    long.update(bytes);
    expect(hex(long.digest())).toBe(direct('sha256', bytes));
    expect(hex(empty.digest())).toBe(direct('sha1', Buffer.alloc(0)));
  });
});

test('a ring gives what was put in, in order, however the two ends take turns', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), (lengths) => {
      const ring = new Ring(16, new SharedArrayBuffer(4));
      const sent: number[] = [];
      const got: number[] = [];
      for (const length of lengths) {
        const bytes = Uint8Array.from({ length }, (_, i) => (sent.length + i) & 255);
        const taken = ring.put(bytes);
        sent.push(...bytes.subarray(0, taken));
        expect(ring.filled).toBe(sent.length - got.length);
        if (length % 3 === 0) ring.get((out) => got.push(...out));
      }
      while (ring.get((out) => got.push(...out)));
      expect(got).toEqual(sent);
    }),
  );
});
