import { Decompress } from 'fzstd';
import { DepotError } from '../errors.js';
import { broken, notDecompressed } from './content-format.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** RFC 8878, section 3.1.1.1.2: what every decoder should support. depot's own levels stay below. */
export const LARGEST_WINDOW = 8 << 20;
const MAGIC = 0xfd2fb528;
/** The shortest header; what is longer is known from it. */
const HEADER_START = 6;

/** Frames that a suitcase may have for nothing, and content that each further one must bring on average. */
export const FREE_FRAMES = 64;
export const FRAME_CONTENT_BYTES = 4096;
/** The same for blocks; an empty one is three bytes. A program that flushes after each line makes blocks of a line. */
const FREE_BLOCKS = 4096;
const BLOCK_CONTENT_BYTES = 16;

/** Bytes of one frame; `last` with its end. */
interface FramePiece {
  bytes: Uint8Array<ArrayBuffer>;
  last: boolean;
}

/**
 * Cuts zstd data into its frames: Node's decoder stops after a frame and drops what follows it in the same chunk,
 * without an error. @throws DepotError 'archive-refused' where the last frame is cut off
 */
export function* splitFrames(chunks: Iterable<Uint8Array<ArrayBuffer>>): Generator<FramePiece> {
  const frames = new ZstdFrames(Infinity);
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length; ) {
      const { end, last } = frames.walk(chunk, start);
      yield { bytes: chunk.subarray(start, end), last };
      start = end;
    }
  }
  if (!frames.isBetween)
    throw new DepotError('archive-refused', 'the zstd data inside the suitcase is not valid: it is cut off');
}

/**
 * Walks over the frames of zstd data (RFC 8878, section 3.1) without decompressing them, ahead of a decoder that would
 * allocate, and move with each block, whatever window a frame asks for: up to 2 GiB for a handful of bytes.
 */
export class ZstdFrames {
  readonly #largestWindow: number;
  #collected: number[] = [];
  #wanted = HEADER_START;
  #skip = 0;
  #next: 'frame' | 'rest of header' | 'block' = 'frame';
  #checksum = false;
  #last = false;
  /** So far: skippable frames count as frames, and what has no contents counts like the rest. */
  frames = 0;
  blocks = 0;

  constructor(largestWindow = LARGEST_WINDOW) {
    this.#largestWindow = largestWindow;
  }

  /** Whether the bytes so far end with the end of a frame, or there were none. */
  get isBetween(): boolean {
    return this.#next === 'frame' && this.#skip === 0 && this.#collected.length === 0;
  }

  /** Whether there are more frames or blocks than `bytes` of content need: next to nothing in them, and work for each. */
  isCutTooSmall(bytes: number): boolean {
    return (
      this.frames > FREE_FRAMES + bytes / FRAME_CONTENT_BYTES || this.blocks > FREE_BLOCKS + bytes / BLOCK_CONTENT_BYTES
    );
  }

  /** The next bytes of the data. @throws DepotError 'archive-refused' for a window that is too large */
  see(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at = this.walk(bytes, at).end;
  }

  /** Walks to the end of the current frame, or of the bytes. @throws as `see` */
  walk(bytes: Uint8Array, start: number): { end: number; last: boolean } {
    for (let at = start; at < bytes.length; ) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        this.#skip -= skipped;
        at += skipped;
      } else {
        this.#collected.push(bytes[at++]!);
        if (this.#collected.length === this.#wanted) this.#take();
      }
      if (this.isBetween) return { end: at, last: true };
    }
    return { end: bytes.length, last: false };
  }

  #take(): void {
    const bytes = this.#collected;
    if (this.#next === 'block') {
      this.#collected = [];
      this.#block(bytes);
    } else if (this.#next === 'frame') {
      this.#frame(bytes);
    } else {
      this.#collected = [];
      this.#header(bytes);
    }
  }

  /** The first six bytes: magic, and descriptor, or the beginning of a skippable frame. */
  #frame(bytes: number[]): void {
    const magic = littleEndian(bytes.slice(0, 4));
    this.frames++;
    this.#next = 'rest of header';
    if (isSkippable(magic)) {
      this.#wanted = 8;
    } else if (magic === MAGIC) {
      const descriptor = bytes[4]!;
      this.#wanted = 5 + (isSingleSegment(descriptor) ? 0 : 1) + dictionaryBytes(descriptor) + sizeBytes(descriptor);
      if (this.#wanted <= bytes.length) this.#take();
    } else {
      // No frame: the decoder will say so.
      this.#skip = Infinity;
    }
  }

  #header(bytes: number[]): void {
    if (isSkippable(littleEndian(bytes.slice(0, 4)))) {
      this.#skip = littleEndian(bytes.slice(4, 8));
      this.#expect('frame');
      return;
    }
    const descriptor = bytes[4]!;
    const window = isSingleSegment(descriptor) ? contentSize(bytes, descriptor) : windowOf(bytes[5]!);
    if (window > this.#largestWindow) {
      throw new DepotError(
        'archive-refused',
        `the zstd data inside the suitcase asks for a window of ${window} bytes, more than the ${this.#largestWindow} allowed here`,
        {
          hint: 'open it with Node 22.15 or newer, or with: zstd -d --long=31',
        },
      );
    }
    this.#checksum = (descriptor & 0x04) !== 0;
    this.#expect('block');
  }

  #block(bytes: number[]): void {
    const header = littleEndian(bytes);
    this.blocks++;
    const isRun = ((header >> 1) & 3) === 1;
    this.#last = (header & 1) === 1;
    this.#skip = isRun ? 1 : header >> 3;
    if (this.#last && this.#checksum) this.#skip += 4;
    this.#expect(this.#last ? 'frame' : 'block');
  }

  #expect(next: 'frame' | 'block'): void {
    this.#next = next;
    this.#wanted = next === 'frame' ? HEADER_START : 3;
  }
}

const isSkippable = (magic: number): boolean => magic >= 0x184d2a50 && magic <= 0x184d2a5f;
const isSingleSegment = (descriptor: number): boolean => (descriptor & 0x20) !== 0;
const dictionaryBytes = (descriptor: number): number => [0, 1, 2, 4][descriptor & 3]!;
const sizeBytes = (descriptor: number): number =>
  descriptor >> 6 === 0 ? (isSingleSegment(descriptor) ? 1 : 0) : 1 << (descriptor >> 6);

function contentSize(bytes: number[], descriptor: number): number {
  const start = 5 + dictionaryBytes(descriptor);
  return littleEndian(bytes.slice(start)) + (descriptor >> 6 === 1 ? 256 : 0);
}

function windowOf(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}

function littleEndian(bytes: number[]): number {
  return bytes.reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
}

/** Cut small: four bytes can stand for 128 KiB, and all that a slice stands for comes out before the next. */
const SLICE_BYTES = 512;

/**
 * zstd in JavaScript, where the runtime has none: Node before 22.15, and browsers.
 *
 * @throws DepotError 'archive-refused' where the data is broken or cut off, asks for too much memory, or is cut into
 *   pieces that hold nothing
 */
export class ZstdDecoder {
  #output: Bytes[] = [];
  #bytes = 0;
  readonly #frames = new ZstdFrames();
  readonly #decoder = new Decompress((bytes) => {
    this.#bytes += bytes.length;
    this.#output.push(bytes as Bytes);
  });

  /** What came out must be used before the next is asked for. */
  *push(chunk: Bytes): Generator<Bytes> {
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
      this.#frames.see(chunk.subarray(at, at + SLICE_BYTES));
      this.#decode(chunk.subarray(at, at + SLICE_BYTES), false);
      if (this.#frames.isCutTooSmall(this.#bytes))
        throw broken('zstd', new Error('its frames or blocks have next to nothing in them'));
      yield* this.#taken();
    }
  }

  *end(): Generator<Bytes> {
    this.#decode(new Uint8Array(0), true);
    yield* this.#taken();
  }

  #decode(slice: Uint8Array, last: boolean): void {
    try {
      this.#decoder.push(slice, last);
    } catch (error) {
      // Nothing but the data is a reason for the decoder to throw, whatever it throws, unless memory is short.
      throw error instanceof RangeError && /allocat|memory/i.test(error.message)
        ? notDecompressed('zstd', error)
        : broken('zstd', error);
    }
  }

  #taken(): Bytes[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }
}
