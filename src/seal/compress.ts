import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { discard } from '../primitives.js';
import { padding, paddingOf } from './padding.js';

/**
 * Compression of the tar stream, in independent segments: zlib's one-shot calls run on libuv's thread pool, so all
 * cores compress at once. A segment whose sample does not compress is stored, and copied only if it has to wait for
 * others.
 *
 * Stock tools read both formats: gzip is one member (RFC 1952) whose deflate segments end at a byte boundary, each
 * primed with the 32 KiB before it; zstd is a sequence of frames (RFC 8878, section 3.1).
 */
export type CompressionFormat = 'none' | 'gzip' | 'zstd';

type Bytes = Uint8Array<ArrayBuffer>;
type Compressed = Bytes[];

interface SegmentFormat {
  /** Uncompressed bytes per segment. */
  segmentBytes: number;
  begin(): Bytes[];
  compress(segment: Bytes, previous: Bytes | null): Promise<Compressed>;
  store(segment: readonly Bytes[]): Compressed;
  /** Sees everything in order, before it is compressed or stored. */
  observe(chunk: Bytes): void;
  end(): Bytes[];
}

/** True where this runtime's zlib has zstd (Node 22.15 and newer). */
export function runtimeHasZstd(): boolean {
  return 'zstdCompress' in zlib;
}

const MIB = 1 << 20;
/** Smaller frames would compress less. */
const ZSTD_SEGMENT_BYTES = 4 * MIB;

/** `auto` is zstd where the runtime has it, else gzip. */
export function chooseCompression(wanted: 'auto' | CompressionFormat): CompressionFormat {
  if (wanted !== 'auto') return wanted;
  return runtimeHasZstd() ? 'zstd' : 'gzip';
}

/**
 * Compresses chunks; `none` passes them through. A chunk must not change until `release` gets it. `isPadded`: what comes
 * out does not show its exact size (padding.ts).
 */
export async function* compress(
  format: CompressionFormat,
  chunks: AsyncIterable<Bytes>,
  release: (chunk: Bytes) => void = () => undefined,
  isPadded = false,
): AsyncGenerator<Bytes> {
  const segments = compressed(format, chunks, release);
  let length = 0;
  let next = await segments.next();
  for (; !next.done; next = await segments.next()) {
    length += next.value.length;
    yield next.value;
  }
  const end = next.value;
  for (const bytes of end) length += bytes.length;
  if (isPadded) yield* padding(format, paddingOf(format, length));
  yield* end;
}

/** Returns what ends the format. */
async function* compressed(
  format: CompressionFormat,
  chunks: AsyncIterable<Bytes>,
  release: (chunk: Bytes) => void,
): AsyncGenerator<Bytes, Bytes[]> {
  if (format === 'none') {
    for await (const chunk of chunks) {
      yield chunk;
      release(chunk);
    }
    return [];
  }
  const segments = format === 'gzip' ? gzipFormat() : zstdFormat();
  yield* segments.begin();
  const compressible = sampler();
  const running: { bytes: Bytes; done: () => void; compressed: Promise<Compressed> }[] = [];
  async function* oldest(): AsyncGenerator<Bytes> {
    const { done, compressed } = running.shift()!;
    yield* await compressed;
    done();
  }
  let previous: Bytes | null = null;
  let wasWorthwhile = false;
  for await (const segment of segmentsOf(chunks, segments.segmentBytes, release)) {
    segment.forEach((chunk) => segments.observe(chunk));
    const worthwhile = compressible(segment);
    // Two in a row that do not compress: others are not kept waiting, and it need not be copied to wait for them.
    const stored = !worthwhile && !wasWorthwhile;
    wasWorthwhile = worthwhile;
    if (stored) {
      while (running.length > 0) yield* oldest();
      yield* segments.store(segment);
      segment.forEach(release);
      previous = null;
      continue;
    }
    const { bytes, done } = joined(segment, release);
    // The one before is still among those that run, and so is its memory.
    const compressed = worthwhile ? segments.compress(bytes, previous) : Promise.resolve(segments.store([bytes]));
    compressed.catch(() => undefined); // awaited below, in order; without this a second failure would count as unhandled
    running.push({ bytes, done, compressed });
    previous = bytes;
    if (running.length > availableParallelism()) yield* oldest();
  }
  while (running.length > 0) yield* oldest();
  return segments.end();
}

/** Chunks that make a segment: that many bytes, or what is left. */
async function* segmentsOf(
  chunks: AsyncIterable<Bytes>,
  size: number,
  release: (chunk: Bytes) => void,
): AsyncGenerator<Bytes[]> {
  let segment: Bytes[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    if (chunk.length === 0) {
      release(chunk);
      continue;
    }
    segment.push(chunk);
    length += chunk.length;
    if (length >= size) {
      yield segment;
      segment = [];
      length = 0;
    }
  }
  if (length > 0) yield segment;
}

/** A segment in one piece; `done` says that it is not needed any more. */
function joined(segment: Bytes[], release: (chunk: Bytes) => void): { bytes: Bytes; done: () => void } {
  const [only] = segment;
  if (only !== undefined && segment.length === 1) return { bytes: only, done: () => release(only) };
  const bytes = Buffer.concat(segment);
  segment.forEach(release);
  return { bytes, done: () => discard(bytes) };
}

/** How many chunks of 1 MiB `compress` may need before it releases one. */
export function chunksHeld(format: CompressionFormat): number {
  if (format === 'none') return 1;
  return format === 'gzip' ? availableParallelism() + 1 : ZSTD_SEGMENT_BYTES / MIB;
}

const SAMPLE_BYTES = 4096;
/** A sample must shrink below this share of itself for its segment to be worth compressing. */
const WORTHWHILE = 0.97;

/**
 * Tells segments that compress from those that do not by small samples, for less than one per cent of the work: of
 * three places, or of one where the segments before did not compress, and of another one each time.
 */
function sampler(): (segment: readonly Bytes[]) => boolean {
  let stored = 0;
  return (segment) => {
    const length = segment.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length <= 4 * SAMPLE_BYTES) return true;
    const last = length - SAMPLE_BYTES;
    const places = [0, last >>> 1, last];
    const looked = stored === 0 ? places : [places[stored % places.length]!];
    const compresses = looked.some((at) => shrinks(sampleAt(segment, at)));
    stored = compresses ? 0 : stored + 1;
    return compresses;
  };
}

/** A sample of the chunk in which this place lies. */
function sampleAt(segment: readonly Bytes[], place: number): Bytes {
  let at = place;
  for (const chunk of segment) {
    if (at < chunk.length)
      return chunk.subarray(Math.max(0, Math.min(at, chunk.length - SAMPLE_BYTES))).subarray(0, SAMPLE_BYTES);
    at -= chunk.length;
  }
  throw new Error('no such place');
}

function shrinks(sample: Bytes): boolean {
  // A small window and small tables: setting up zlib's usual ones costs as much as the sample itself.
  return (
    zlib.deflateRawSync(sample, { level: 1, windowBits: 12, memLevel: 5, chunkSize: SAMPLE_BYTES + 64 }).length <
    sample.length * WORTHWHILE
  );
}

function gzipFormat(): SegmentFormat {
  const deflate = promisify<Bytes, zlib.ZlibOptions, Buffer<ArrayBuffer>>(zlib.deflateRaw);
  let crc = 0;
  let length = 0;
  return {
    segmentBytes: MIB,
    // RFC 1952, section 2.3: deflate, no flags, no time, unknown operating system.
    begin: () => [Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)],
    observe(chunk) {
      crc = zlib.crc32(chunk, crc);
      length += chunk.length;
    },
    async compress(segment, previous) {
      // A copy: the memory of the segment before may be given back while this one is compressed.
      const dictionary = previous === null ? undefined : new Uint8Array(previous.subarray(-32_768));
      const options = { level: 6, finishFlush: zlib.constants.Z_SYNC_FLUSH, ...(dictionary && { dictionary }) };
      const deflated = await deflate(segment, options);
      return deflated.length < segment.length ? [deflated] : storedBlocks([segment]);
    },
    store: storedBlocks,
    end() {
      const trailer = Buffer.alloc(10);
      trailer.writeUInt16LE(0x0003, 0); // an empty final block with fixed codes (RFC 1951, section 3.2.6)
      trailer.writeUInt32LE(crc, 2);
      trailer.writeUInt32LE(length % 0x1_0000_0000, 6);
      return [trailer];
    },
  };
}

/** RFC 1951, section 3.2.4: stored blocks; every segment before ended at a byte boundary, so the header is one byte. */
function storedBlocks(segment: readonly Bytes[]): Compressed {
  const pieces: Compressed = [];
  for (const body of blocksOf(segment, 0xffff)) {
    const header = Buffer.alloc(5);
    header.writeUInt16LE(body.length, 1);
    header.writeUInt16LE(body.length ^ 0xffff, 3);
    pieces.push(header, body);
  }
  return pieces;
}

function* blocksOf(segment: readonly Bytes[], size: number): Generator<Bytes> {
  for (const chunk of segment) {
    for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size);
  }
}

const ZSTD_BLOCK_BYTES = 128 * 1024;

function zstdFormat(): SegmentFormat {
  const zstd = promisify<Bytes, zlib.ZstdOptions, Buffer<ArrayBuffer>>(zlib.zstdCompress);
  const params = { [zlib.constants.ZSTD_c_compressionLevel]: 3 };
  return {
    segmentBytes: ZSTD_SEGMENT_BYTES,
    begin: () => [],
    observe: () => undefined,
    compress: async (segment) => [await zstd(segment, { params })],
    store: rawFrame,
    end: () => [],
  };
}

/** RFC 8878, section 3.1.1: one frame of raw blocks, with its content size in four bytes and in a single segment. */
function rawFrame(segment: readonly Bytes[]): Compressed {
  const header = Buffer.alloc(9);
  header.writeUInt32LE(0xfd2fb528, 0);
  header[4] = 0xa0;
  const length = segment.reduce((sum, chunk) => sum + chunk.length, 0);
  header.writeUInt32LE(length, 5);
  const pieces: Compressed = [header];
  let left = length;
  for (const body of blocksOf(segment, ZSTD_BLOCK_BYTES)) {
    left -= body.length;
    const blockHeader = Buffer.alloc(3);
    blockHeader.writeUIntLE(body.length * 8 + (left === 0 ? 1 : 0), 0, 3);
    pieces.push(blockHeader, body);
  }
  return pieces;
}
