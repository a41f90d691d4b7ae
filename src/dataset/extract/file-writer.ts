import { ftruncateSync, writeSync } from 'node:fs';

/** Octets per write: fewer, larger writes; and the step in which holes are found. */
const WRITE = 1 << 20;
/** Shorter pieces of zeros are written: a hole would save next to nothing. */
const MIN_HOLE = 65_536;
const zeros = Buffer.alloc(WRITE);

/**
 * Writes a file's contents as they come, in large pieces; long runs of zeros become holes, so that a sparse
 * file, which lies unfolded in the archive, takes no more room than it did. One writer serves one file after the other.
 */
export class FileWriter {
  #fd = -1;
  #position = 0;
  /** Allocated when a file first comes in pieces. */
  #buffer: Buffer | undefined;
  #used = 0;
  #hole = false;

  /** Begins a file, or goes on with one at `position`. */
  start(fd: number, position: number): void {
    this.#fd = fd;
    this.#position = position;
    this.#used = 0;
    this.#hole = false;
  }

  /** `last`: nothing follows, so there is no need to gather. */
  write(bytes: Uint8Array, last: boolean): void {
    let at = 0;
    while (at < bytes.length) {
      const left = bytes.length - at;
      if (this.#used === 0 && (left >= WRITE || last)) {
        const length = Math.min(left, WRITE);
        this.#put(bytes.subarray(at, at + length));
        at += length;
      } else {
        this.#buffer ??= Buffer.allocUnsafeSlow(WRITE);
        const length = Math.min(left, WRITE - this.#used);
        this.#buffer.set(bytes.subarray(at, at + length), this.#used);
        this.#used += length;
        at += length;
        if (this.#used === WRITE) this.#flush();
      }
    }
  }

  /** Everything is in the file, which now has the length that is returned. */
  finish(): number {
    this.#flush();
    if (this.#hole) ftruncateSync(this.#fd, this.#position);
    return this.#position;
  }

  #flush(): void {
    if (this.#buffer === undefined || this.#used === 0) return;
    this.#put(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  #put(bytes: Uint8Array): void {
    this.#hole = isHole(bytes);
    if (this.#hole) {
      this.#position += bytes.length;
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      const written = writeSync(this.#fd, bytes, at, bytes.length - at, this.#position);
      at += written;
      this.#position += written;
    }
  }
}

function isHole(bytes: Uint8Array): boolean {
  return bytes.length >= MIN_HOLE && bytes[0] === 0 && Buffer.compare(bytes, zeros.subarray(0, bytes.length)) === 0;
}
