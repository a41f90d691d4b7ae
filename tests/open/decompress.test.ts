import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { DepotError } from '../../src/errors.js';
import { contentFormat } from '../../src/open/content-format.js';
import { decompress } from '../../src/open/decompress.js';
import { runtimeHasZstd } from '../../src/seal/compress.js';

type Bytes = Uint8Array<ArrayBuffer>;
/** Compared as text: a matcher that walks over half a million octets takes minutes. */
const open = async (bytes: Bytes, size?: number): Promise<string> => (await openBytes(bytes, size)).toString('latin1');
const content = Buffer.from('some text that repeats, '.repeat(20_000));
const zstd = (bytes: Uint8Array): Bytes => spawnSync('zstd', ['-cq'], { input: bytes, maxBuffer: 1 << 28 }).stdout;
const packed: Record<string, Bytes> = { gzip: gzipSync(content), ...(spawnSync('zstd', ['-V']).status === 0 && { zstd: zstd(content) }) };

async function openBytes(bytes: Bytes, size = 1000): Promise<Buffer> {
  function* cut(): Generator<Bytes> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
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
  test('several members or frames in a row are one content', async () => {
    expect(await open(Buffer.concat([bytes, bytes]))).toBe(Buffer.concat([content, content]).toString('latin1'));
  });
});

test('what is neither passes through, also when it is shorter than a magic number', async () => {
  const noise = Buffer.concat([Buffer.from([0]), randomBytes(10_000)]);
  expect(await open(noise)).toBe(noise.toString('latin1'));
  expect(await open(Buffer.from('ab'))).toBe('ab');
  expect(await open(Buffer.alloc(0))).toBe('');
});

test('an error of the input is passed on as it is', async () => {
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

test('frames with nothing in them, of which a suitcase could hold millions, are refused where each costs a decoder', async () => {
  const empty = Buffer.from('28b52ffd2000010000', 'hex');
  const frames = (count: number): Bytes => new Uint8Array(Buffer.concat(Array.from({ length: count }, () => empty)));
  expect(await open(frames(50), 1000)).toBe('');
  if (runtimeHasZstd()) await expect(open(frames(2000), 1000)).rejects.toEqual(refused);
  else expect(await open(frames(2000), 1000)).toBe('');
});
