import { ftruncateSync, writeSync } from 'node:fs';

/** Bytes per write: fewer, larger writes; and the step in which holes are found. */
const WRITE = 1 << 20;
/** Shorter pieces of zeros are written: a hole would save next to nothing. */
const MIN_HOLE = 65_536;
const zeros = Buffer.alloc(WRITE);
/** From here on a file is worth another thread's attention. */
const LARGE = 4 * WRITE;

/** Writes blocks elsewhere, while the next are made, and digests them. */
export interface BlockWriter {
  /** Where the next block goes: `WRITE` bytes or more. @throws Error of `node:fs` for a block before */
  room(): Buffer;
  /** Takes the first bytes of what `room` gave, and its memory. */
  write(length: number, fd: number, position: number, isDigested: boolean): void;
  /** For the digest alone. */
  digest(length: number): void;
  /** As `settle`, and the SHA-256 (hex) of what was to be digested since the last time. @throws Error of `node:fs` */
  finish(): string;
  /** Everything is in the files. @throws Error of `node:fs` */
  settle(): void;
}

/**
 * Writes one file after the other, in large pieces; long runs of zeros become holes, so that a sparse file takes no
 * more room than it did.
 */
export class FileWriter {
  readonly #elsewhere: BlockWriter | null;
  #large: BlockWriter | null = null;
  #fd = -1;
  #position = 0;
  /** Allocated when a file first comes in pieces. */
  #own: Buffer | undefined;
  /** Where the next bytes are gathered: our own, or of `#large`. */
  #buffer: Buffer | undefined;
  #used = 0;
  #hole = false;
  #isDigested = false;
  /** The SHA-256 (hex) of the last file that was digested, once it is finished. */
  sha256 = '';

  constructor(large: BlockWriter | null = null) {
    this.#elsewhere = large;
  }

  /** `length` bytes are to come, from `position` on. True when they will be digested: large files that are `whole`. */
  start(fd: number, position: number, length: number, whole: boolean): boolean {
    this.#large = length >= LARGE ? this.#elsewhere : null;
    this.#isDigested = whole && this.#large !== null;
    this.#fd = fd;
    this.#position = position;
    this.#used = 0;
    this.#hole = false;
    return this.#isDigested;
  }

  /** `last`: nothing follows, so there is no need to gather. */
  write(bytes: Uint8Array, last: boolean): void {
    let at = 0;
    while (at < bytes.length) {
      const left = bytes.length - at;
      if (this.#used === 0 && this.#large === null && (left >= WRITE || last)) {
        const length = Math.min(left, WRITE);
        this.#put(bytes.subarray(at, at + length));
        at += length;
      } else {
        if (this.#used === 0) this.#buffer = this.#large?.room() ?? (this.#own ??= Buffer.allocUnsafeSlow(WRITE));
        const length = Math.min(left, WRITE - this.#used);
        this.#buffer!.set(bytes.subarray(at, at + length), this.#used);
        this.#used += length;
        at += length;
        if (this.#used === WRITE) this.#flush();
      }
    }
  }

  /** Everything is in the file; returns its length. */
  finish(): number {
    this.#flush();
    if (this.#isDigested) this.sha256 = this.#large!.finish();
    else this.#large?.settle();
    if (this.#hole) ftruncateSync(this.#fd, this.#position);
    return this.#position;
  }

  /** Gives up: no write is under way when it returns. */
  abandon(): void {
    try {
      this.#elsewhere?.settle();
    } catch {
      // What is given up need not be told.
    }
  }

  #flush(): void {
    if (this.#buffer === undefined || this.#used === 0) return;
    this.#put(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  #put(bytes: Uint8Array): void {
    // Asked before `#large` takes the memory away.
    const { length } = bytes;
    this.#hole = isHole(bytes);
    if (this.#hole) {
      if (this.#isDigested) this.#large!.digest(length);
    } else if (this.#large === null) writeAt(this.#fd, bytes, this.#position);
    else this.#large.write(length, this.#fd, this.#position, this.#isDigested);
    this.#position += length;
  }
}

/** Writes all of `bytes` at `position` of a file. @throws Error of `node:fs` */
export function writeAt(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

function isHole(bytes: Uint8Array): boolean {
  return bytes.length >= MIN_HOLE && bytes[0] === 0 && Buffer.compare(bytes, zeros.subarray(0, bytes.length)) === 0;
}
