import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chooseCompression,
  chunksHeld,
  compress,
  runtimeHasZstd,
  type CompressionFormat,
} from '../../src/seal/compress.js';
import { decompress } from '../../src/open/decompress.js';

type Bytes = Uint8Array<ArrayBuffer>;
const MIB = 1 << 20;
const text = Buffer.from(
  Array.from({ length: 400_000 }, (_, i) => `INSERT INTO t VALUES (${i}, 'row ${i % 977}');\n`).join(''),
);
const noise = randomBytes(5 * MIB);
const samples: Record<string, Bytes> = {
  'one byte': Buffer.from('x'),
  'less than a segment': text.subarray(0, 1000),
  'exactly a segment': text.subarray(0, MIB),
  'a segment and one': text.subarray(0, MIB + 1),
  'four segments': text.subarray(0, 4 * MIB),
  'incompressible data': noise,
  'text, noise, text': Buffer.concat([text.subarray(0, 3 * MIB + 7), noise, text.subarray(5, 2 * MIB)]),
};

function* cut(bytes: Bytes, size: number): Generator<Bytes> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function* asAsync(chunks: Iterable<Bytes>): AsyncGenerator<Bytes> {
  for (const chunk of chunks) yield chunk;
}
async function collect(chunks: AsyncIterable<Bytes>): Promise<Buffer<ArrayBuffer>> {
  const all: Bytes[] = [];
  for await (const chunk of chunks) all.push(Buffer.from(chunk));
  return Buffer.concat(all);
}
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const formats = (['gzip', 'zstd'] as CompressionFormat[]).filter((format) => format === 'gzip' || runtimeHasZstd());
const stock: Record<string, string[]> = { gzip: ['gzip', '-dc'], zstd: ['zstd', '-dcq'] };

describe.each(formats)('%s', (format) => {
  test.each(Object.entries(samples))(
    '%s is decompressed unchanged by the stock tool and by depot',
    async (_, sample) => {
      const packed = await collect(compress(format, asAsync(cut(sample, 700_001))));
      const [program, ...args] = stock[format];
      const tool = spawnSync(program, args, { input: packed, maxBuffer: 64 * MIB });
      expect(tool.stderr.toString()).toBe('');
      expect(digest(tool.stdout)).toBe(digest(sample));
      const formatsFound: string[] = [];
      const own = await collect(decompress(cut(packed, 65_537), (found) => formatsFound.push(found)));
      expect(digest(own)).toBe(digest(sample));
      expect(formatsFound).toEqual([format]);
    },
  );

  test('incompressible data grows by less than a thousandth', async () => {
    const packed = await collect(compress(format, asAsync(cut(noise, MIB))));
    expect(packed.length).toBeLessThan(noise.length * 1.001);
  });

  // Small pieces are joined in memory from Node's pool, which must not be released; the pool's size depends on the version.
  test('pieces of one byte are compressed too', async () => {
    expect(
      await collect(decompress([await collect(compress(format, asAsync(cut(Buffer.from('ab'), 1))))], () => undefined)),
    ).toEqual(Buffer.from('ab'));
  });

  test('text shrinks to less than a quarter', async () => {
    const packed = await collect(compress(format, asAsync(cut(text, MIB))));
    expect(packed.length).toBeLessThan(text.length / 4);
  });

  test('an error of the source is passed on, and no job is left unhandled', async () => {
    async function* failing(): AsyncGenerator<Bytes> {
      yield text.subarray(0, 2 * MIB);
      throw new Error('source went away');
    }
    await expect(collect(compress(format, failing()))).rejects.toThrow('source went away');
  });
});

test.each([...formats, 'none' as const])(
  '%s: each chunk is released once, when it is no longer needed, and no more are held than declared',
  async (format) => {
    const sample = samples['text, noise, text'];
    const given = new Set<Bytes>();
    let most = 0;
    async function* chunks(): AsyncGenerator<Bytes> {
      for (const piece of cut(sample, MIB)) {
        const chunk = new Uint8Array(piece);
        given.add(chunk);
        most = Math.max(most, given.size);
        yield chunk;
      }
    }
    const release = (chunk: Bytes): void => {
      expect(given.delete(chunk)).toBe(true);
      chunk.fill(0xee);
    };
    const packed = await collect(compress(format, chunks(), release));
    expect(given.size).toBe(0);
    expect(most).toBe(chunksHeld(format));
    expect(digest(format === 'none' ? packed : await collect(decompress(cut(packed, 65_537), () => undefined)))).toBe(
      digest(sample),
    );
  },
);

test.each(formats)(
  '%s: incompressible chunks are passed on without a copy, even after compressible ones',
  async (format) => {
    const chunks = [...cut(Buffer.concat([text.subarray(0, 4 * MIB), randomBytes(16 * MIB)]), MIB)].map(
      (chunk) => new Uint8Array(chunk),
    );
    const passed = new Set<ArrayBufferLike>();
    for await (const piece of compress(format, asAsync(chunks))) passed.add(piece.buffer);
    // Of the four segments of zstd the first is compressed, and the second is copied to wait for it.
    const first = format === 'zstd' ? 8 : 5;
    expect(chunks.slice(first).filter((chunk) => !passed.has(chunk.buffer))).toEqual([]);
  },
);

test('gzip output is a single member, so that a strict reader sees everything', async () => {
  const sample = samples['text, noise, text'];
  const packed = await collect(compress('gzip', asAsync(cut(sample, MIB))));
  const python = spawnSync(
    'python3',
    [
      '-c',
      'import sys,zlib; d=zlib.decompressobj(31); o=d.decompress(sys.stdin.buffer.read()); assert d.eof and not d.unused_data; sys.stdout.buffer.write(o)',
    ],
    { input: packed, maxBuffer: 64 * MIB },
  );
  if (python.error) {
    expect(digest(gunzipSync(packed))).toBe(digest(sample));
    return;
  }
  expect(digest(python.stdout)).toBe(digest(sample));
});

test('none passes chunks through unchanged', async () => {
  expect(digest(await collect(compress('none', asAsync(cut(text, 1000)))))).toBe(digest(text));
});

test('auto means zstd if the runtime has it, else gzip', () => {
  expect(chooseCompression('auto')).toBe(runtimeHasZstd() ? 'zstd' : 'gzip');
  expect(chooseCompression('none')).toBe('none');
});

test('any stream decompresses to itself, however it is divided', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 5000 }),
      fc.integer({ min: 1, max: 600 }),
      fc.constantFrom(...formats),
      async (bytes, size, format) => {
        fc.pre(bytes.length > 0);
        const packed = await collect(compress(format, asAsync(cut(bytes, size))));
        expect(digest(await collect(decompress(cut(packed, size), () => undefined)))).toBe(digest(bytes));
      },
    ),
    { numRuns: 60 },
  );
});
