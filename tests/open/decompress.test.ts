import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import { describe, expect, test, vi } from 'vitest';
import { DepotError } from '../../src/errors.js';
import { contentFormat, notDecompressed } from '../../src/open/content-format.js';
import { ZstdDecoder } from '../../src/open/zstd.js';
import { decompress } from '../../src/open/decompress.js';

type Bytes = Uint8Array<ArrayBuffer>;
/** Compared as text: a matcher that walks over half a million bytes takes minutes. */
const open = async (bytes: Bytes, size = 1000): Promise<string> => (await openBytes(bytes, size)).toString('latin1');
const content = Buffer.from('some text that repeats, '.repeat(20_000));
const zstd = (bytes: Uint8Array): Bytes => spawnSync('zstd', ['-cq'], { input: bytes, maxBuffer: 1 << 28 }).stdout;
const packed: Record<string, Bytes> = {
  gzip: gzipSync(content),
  ...(spawnSync('zstd', ['-V']).status === 0 && { zstd: zstd(content) }),
};

/** The content of `bytes` that come in pieces of these sizes, in turn. */
async function openBytes(bytes: Bytes, ...sizes: number[]): Promise<Buffer> {
  function* cut(): Generator<Bytes> {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes[i % sizes.length] ?? 1000;
      yield bytes.subarray(at, at + size);
      at += size;
    }
  }
  const all: Bytes[] = [];
  for await (const chunk of decompress(cut(), () => undefined)) all.push(chunk);
  return Buffer.concat(all);
}
const refused = expect.objectContaining({ code: 'archive-refused' });

describe.each(Object.entries(packed))('%s', (format, bytes) => {
  test('is recognised and decompressed', async () => {
    expect(contentFormat(bytes)).toBe(format);
    expect(await open(bytes)).toBe(content.toString('latin1'));
    expect(await open(bytes.subarray(0), 7)).toBe(content.toString('latin1'));
  });
  test('cut off anywhere is refused', async () => {
    for (const length of [4, 10, bytes.length >> 1, bytes.length - 1]) {
      await expect(open(bytes.subarray(0, length))).rejects.toEqual(refused);
    }
  });
  test('followed by anything is refused', async () => {
    await expect(open(Buffer.concat([bytes, Buffer.from('garbage after the end')]))).rejects.toEqual(refused);
  });
  test('with a broken middle is refused', async () => {
    const broken = Buffer.from(bytes);
    broken.fill(0xff, 20, 40);
    await expect(open(broken)).rejects.toEqual(refused);
  });
  test('with several members or frames gives their contents in a row', async () => {
    expect(await open(Buffer.concat([bytes, bytes]))).toBe(Buffer.concat([content, content]).toString('latin1'));
  });
});

describe.each(['gzip', 'zstd'].filter((format) => format in packed))('%s of incompressible data', (format) => {
  /** Pieces are gathered up to a MiB, and those from a quarter of one are not. */
  const around = [1 << 18, 1 << 20].flatMap((length) => [length - 1, length, length + 1]);
  const noise = randomBytes(5 << 20);
  const pack = (bytes: Uint8Array): Bytes => (format === 'gzip' ? gzipSync(bytes, { level: 0 }) : zstd(bytes));
  test.each([0, 1, ...around])('of %d bytes is decompressed, whatever the size of the pieces', async (length) => {
    const bytes = pack(noise.subarray(0, length));
    for (const size of [10_007, ...around])
      expect((await openBytes(bytes, size)).equals(noise.subarray(0, length))).toBe(true);
  });
  test('is decompressed from pieces of varying size', async () => {
    const bytes = pack(noise);
    const sizes = [1, 32_768, 511, ...around, 16_384];
    expect((await openBytes(bytes, ...sizes)).equals(noise)).toBe(true);
  });
  test('control: 64 MiB out of a small input come in chunks of at most 1 MiB', async () => {
    const zeros = new Uint8Array(64 << 20);
    const packed = new Uint8Array(format === 'gzip' ? gzipSync(zeros) : zstd(zeros));
    let length = 0;
    let largest = 0;
    for await (const chunk of decompress([packed], () => undefined)) {
      length += chunk.length;
      largest = Math.max(largest, chunk.length);
    }
    expect(length).toBe(64 << 20);
    expect(largest).toBeLessThanOrEqual(1 << 20);
  });
});

test('data that is neither gzip nor zstd passes through, even if it is shorter than a magic number', async () => {
  const noise = Buffer.concat([Buffer.from([0]), randomBytes(10_000)]);
  expect(await open(noise)).toBe(noise.toString('latin1'));
  expect(await open(Buffer.from('ab'))).toBe('ab');
  expect(await open(Buffer.alloc(0))).toBe('');
});

test('an error of the input is passed on unchanged', async () => {
  const failure = new DepotError('verification-failed', 'the suitcase was changed');
  function* failing(): Generator<Bytes> {
    yield packed['gzip'].subarray(0, 100);
    throw failure;
  }
  const reading = (async () => {
    for await (const chunk of decompress(failing(), () => undefined)) expect(chunk.length).toBeGreaterThan(0);
  })();
  await expect(reading).rejects.toBe(failure);
});

test('thousands of empty zstd frames are refused, since each costs a decoder', async () => {
  const empty = Buffer.from('28b52ffd2000010000', 'hex');
  const frames = (count: number): Bytes => new Uint8Array(Buffer.concat(Array.from({ length: count }, () => empty)));
  expect(await open(frames(50), 1000)).toBe('');
  await expect(open(frames(2000), 1000)).rejects.toEqual(refused);
});

test('many thousands of empty zstd blocks are refused by the JavaScript decoder, which is slow for each', () => {
  const blocks = (count: number): Bytes =>
    new Uint8Array(
      Buffer.concat([Buffer.from('28b52ffd0000', 'hex'), Buffer.alloc(3 * count), Buffer.from('010000', 'hex')]),
    );
  const decoded = (count: number): number =>
    [...new ZstdDecoder().push(blocks(count))].reduce((sum, piece) => sum + piece.length, 0);
  expect(decoded(1000)).toBe(0);
  expect(() => decoded(100_000)).toThrow(/its frames or blocks have next to nothing in them/);
});

test('only a fault of the data is reported as one; lack of memory, for example, is not', async () => {
  const coded = (code: string): Error => Object.assign(new Error('out of it'), { code });
  for (const code of [
    'Z_DATA_ERROR',
    'Z_BUF_ERROR',
    'Z_NEED_DICT',
    'ZSTD_error_corruption_detected',
    'ZSTD_error_checksum_wrong',
    'ZSTD_error_frameParameter_windowTooLarge',
  ])
    expect(notDecompressed('gzip', coded(code))).toEqual(refused);
  for (const error of [
    coded('Z_MEM_ERROR'),
    coded('ZSTD_error_memory_allocation'),
    coded('ERR_BUFFER_TOO_LARGE'),
    new RangeError('Array buffer allocation failed'),
  ]) {
    expect(notDecompressed('gzip', error)).toMatchObject({
      code: 'internal',
      message: expect.stringContaining(
        `depot cannot tell whether it is valid; the decompressor says: ${error.message}`,
      ) as string,
    });
  }

  const failure = new Error('the thread is gone');
  function* failing(): Generator<Bytes> {
    yield packed['gzip'].subarray(0, 100);
    throw failure;
  }
  await expect(
    (async () => {
      for await (const chunk of decompress(failing(), () => undefined)) expect(chunk.length).toBeGreaterThan(0);
    })(),
  ).rejects.toBe(failure);

  vi.spyOn(Decompress.prototype, 'push').mockImplementation(() => {
    throw new RangeError('Array buffer allocation failed');
  });
  try {
    expect(() => [...new ZstdDecoder().push(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd))]).toThrow(
      'depot cannot tell whether it is valid',
    );
  } finally {
    vi.restoreAllMocks();
  }
});
