import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { decompress } from '../../src/open/decompress.js';
import { type CompressionFormat, compress, runtimeHasZstd } from '../../src/seal/compress.js';
import { paddingOf } from '../../src/seal/padding.js';
import { pattern } from '../support/awkward.js';
import { peer } from '../support/peers.js';

type Bytes = Uint8Array<ArrayBuffer>;

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of chunks) pieces.push(Buffer.from(chunk));
  return Buffer.concat(pieces);
}

async function* once(bytes: Bytes): AsyncGenerator<Bytes> {
  yield bytes;
}

const formats: CompressionFormat[] = runtimeHasZstd() ? ['gzip', 'zstd', 'none'] : ['gzip', 'none'];

describe.each(formats)('padded, %s', (format) => {
  const padded = async (length: number): Promise<Buffer<ArrayBuffer>> =>
    all(compress(format, once(new Uint8Array(pattern(length))), undefined, true));

  test('sizes that differ by little become the same, and grow by at most 6 %', async () => {
    const sizes = new Set<number>();
    for (let length = 100_000; length < 100_200; length += 7) {
      const plain = await all(compress(format, once(new Uint8Array(pattern(length)))));
      const { length: size } = await padded(length);
      expect(size).toBeGreaterThanOrEqual(plain.length);
      expect(size).toBeLessThan(1.06 * plain.length);
      sizes.add(size);
    }
    expect(sizes.size).toBeLessThanOrEqual(2);
  });

  test('decompresses to what it was, by depot and by the usual program', async () => {
    for (const length of [0, 1, 1000, 77_777, 3_000_000]) {
      const bytes = await padded(length);
      if (format !== 'none' || length > 0)
        expect((await all(decompress([bytes], () => undefined))).subarray(0, length).equals(pattern(length))).toBe(
          true,
        );
      const program = format === 'none' ? undefined : peer(format);
      if (program !== undefined)
        expect(execFileSync(program, ['-dc'], { input: bytes, maxBuffer: 1 << 24 }).equals(pattern(length))).toBe(true);
    }
  });
});

test('every size has a padding that each format can make', () => {
  for (const format of ['gzip', 'zstd', 'none'] as const)
    for (let length = 1; length < 300_000; length += 1 + (length >> 7)) {
      const added = paddingOf(format, length);
      expect(added).toBeGreaterThanOrEqual({ gzip: 20, zstd: 8, none: 0 }[format]);
      expect(added).toBeLessThanOrEqual(length / 32 + 64);
    }
});
