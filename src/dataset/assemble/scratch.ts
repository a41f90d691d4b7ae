import { createCipheriv, createDecipheriv } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import { localError } from '../../durable-file.js';
import type { Stored } from '../chain/stored-lines.js';

/** What is encrypted at a time, and held once it was read again. */
const FRAME_BYTES = 65_536;
/** What a stream gets at a time; the rest of its last one is a hole in the file. */
const EXTENT_BYTES = 1 << 20;
const HELD_FRAMES = 64;

/**
 * A file for contents that must not lie on a disk to be read: AES-256-CTR, under a key that is used for this one file and
 * is nowhere but in memory. It authenticates nothing: whoever reads compares digests. Holds any number of streams.
 */
export class Scratch {
  readonly #fd: number;
  readonly #key: Uint8Array;
  #extents = 0;
  readonly #held = new Map<number, Buffer>();

  /** `key`: 32 bytes, for a file that is empty. The caller closes the one and wipes the other. */
  constructor(fd: number, key: Uint8Array) {
    this.#fd = fd;
    this.#key = key;
  }

  stream(): ScratchStream {
    return new ScratchStream(this);
  }

  /** Room for `EXTENT_BYTES` more; returns its position. */
  extend(): number {
    return EXTENT_BYTES * this.#extents++;
  }

  /** `position`: of a frame. */
  write(bytes: Uint8Array, position: number): void {
    const sealed = createCipheriv('aes-256-ctr', this.#key, counterAt(position)).update(bytes);
    try {
      for (let at = 0; at < sealed.length; ) at += writeSync(this.#fd, sealed, at, sealed.length - at, position + at);
    } catch (error) {
      throw localError(error, 'write', 'the scratch file');
    }
  }

  /** The frame at that position; what was never written in it has no meaning. */
  frame(position: number): Buffer {
    let frame = this.#held.get(position);
    if (frame === undefined) {
      const sealed = Buffer.alloc(FRAME_BYTES);
      for (let at = 0, got = -1; at < FRAME_BYTES && got !== 0; at += got)
        got = readSync(this.#fd, sealed, at, FRAME_BYTES - at, position + at);
      frame = createDecipheriv('aes-256-ctr', this.#key, counterAt(position)).update(sealed);
      if (this.#held.size === HELD_FRAMES) this.#held.delete(this.#held.keys().next().value!);
    } else this.#held.delete(position);
    // The last one used is the last in the map.
    this.#held.set(position, frame);
    return frame;
  }
}

/** Written once, from its beginning to its end, and then read anywhere. */
export class ScratchStream implements Stored {
  size = 0;
  readonly #scratch: Scratch;
  readonly #extents: number[] = [];
  #frame: Buffer | null = null;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const used = this.size % FRAME_BYTES;
      this.#frame ??= Buffer.allocUnsafe(FRAME_BYTES);
      const piece = bytes.subarray(at, at + FRAME_BYTES - used);
      this.#frame.set(piece, used);
      this.size += piece.length;
      at += piece.length;
      if (used + piece.length === FRAME_BYTES) this.#store(this.#frame);
    }
  }

  /** Nothing more comes; nothing is read before. */
  end(): void {
    const used = this.size % FRAME_BYTES;
    if (used > 0) this.#store(this.#frame!.subarray(0, used));
    this.#frame = null;
  }

  read(into: Uint8Array, position: number): number {
    let read = 0;
    for (const end = Math.min(into.length, this.size - position); read < end; ) {
      const at = position + read;
      const inFrame = at % FRAME_BYTES;
      const piece = this.#scratch.frame(this.#place(at - inFrame)).subarray(inFrame, inFrame + end - read);
      into.set(piece, read);
      read += piece.length;
    }
    return read;
  }

  /** The frame that ends where the stream ends now. */
  #store(bytes: Uint8Array): void {
    const start = this.size - bytes.length;
    if (start % EXTENT_BYTES === 0) this.#extents.push(this.#scratch.extend());
    this.#scratch.write(bytes, this.#place(start));
  }

  #place(position: number): number {
    const inExtent = position % EXTENT_BYTES;
    return this.#extents[(position - inExtent) / EXTENT_BYTES]! + inExtent;
  }
}

/** Of a block of 16 bytes, each of which has a number of its own in the file. */
function counterAt(position: number): Buffer {
  const counter = Buffer.alloc(16);
  counter.writeBigUInt64BE(BigInt(position / 16), 8);
  return counter;
}
