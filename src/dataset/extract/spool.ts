import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { fromBytes, join, toPath, type ByteString } from '../bytestring.js';

/** What is done after all files are there. */
export interface Deferred {
  kind: 'symlink' | 'directory';
  /** Below the directory that is extracted to. */
  path: ByteString;
  mode: number;
  mtimeNs: bigint;
  /** Symlinks: the target; else empty. */
  target: ByteString;
}

const HEADER = 28;
const NANO = 1_000_000_000n;
const CHUNK = 65_536;

/**
 * A new file without a name, so that nothing in an archive can meet it; on Windows, where it keeps one, that is random
 * and goes with `close`.
 */
export class UnnamedFile {
  readonly fd: number;
  readonly #file: ByteString;
  #named = false;
  #closed = false;

  constructor(directory: ByteString) {
    this.#file = join(directory, `.depot-${randomBytes(8).toString('hex')}` as ByteString);
    this.fd = openSync(toPath(this.#file), constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      unlinkSync(toPath(this.#file));
    } catch {
      this.#named = true;
    }
  }

  /** May be called again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.fd);
    if (this.#named) rmSync(toPath(this.#file), { force: true });
  }
}

/** Remembers on disk what is to be done at the end, since symlinks and directories may be millions. */
export class Spool {
  readonly #file: UnnamedFile;
  readonly #fd: number;
  #buffer = Buffer.allocUnsafe(CHUNK);
  #used = 0;

  constructor(directory: ByteString) {
    this.#file = new UnnamedFile(directory);
    this.#fd = this.#file.fd;
  }

  add(record: Deferred): void {
    const length = HEADER + record.path.length + record.target.length;
    if (this.#used + length > this.#buffer.length) this.#flush();
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(length);
    const { path, target, mode, mtimeNs, kind } = record;
    let at = this.#used;
    at = this.#buffer.writeUInt32LE(path.length, at);
    at = this.#buffer.writeUInt32LE(target.length, at);
    at = this.#buffer.writeUInt32LE(mode, at);
    at = this.#buffer.writeUInt32LE(kind === 'symlink' ? 1 : 0, at);
    // Nanoseconds alone would leave 64 bits in the year 2262.
    const below = ((mtimeNs % NANO) + NANO) % NANO;
    at = this.#buffer.writeBigInt64LE((mtimeNs - below) / NANO, at);
    at = this.#buffer.writeUInt32LE(Number(below), at);
    at += this.#buffer.write(path, at, 'latin1');
    at += this.#buffer.write(target, at, 'latin1');
    this.#used = at;
  }

  /** In the order in which they were added. */
  *records(): Generator<Deferred, void> {
    this.#flush();
    let chunk = Buffer.allocUnsafe(CHUNK);
    let start = 0;
    let stop = 0;
    let position = 0;
    // Makes `length` bytes from `start` on available; false at the end of the file.
    const ensure = (length: number): boolean => {
      if (stop - start >= length) return true;
      const rest = chunk.subarray(start, stop);
      if (length > chunk.length) chunk = Buffer.concat([rest], length);
      else rest.copy(chunk);
      stop -= start;
      start = 0;
      while (stop < length) {
        const read = readSync(this.#fd, chunk, stop, chunk.length - stop, position);
        if (read === 0) return false;
        stop += read;
        position += read;
      }
      return true;
    };
    while (ensure(HEADER)) {
      const pathLength = chunk.readUInt32LE(start);
      const targetLength = chunk.readUInt32LE(start + 4);
      const length = HEADER + pathLength + targetLength;
      ensure(length);
      const pathEnd = start + HEADER + pathLength;
      const record: Deferred = {
        kind: chunk.readUInt32LE(start + 12) === 1 ? 'symlink' : 'directory',
        path: fromBytes(chunk.subarray(start + HEADER, pathEnd)),
        mode: chunk.readUInt32LE(start + 8),
        mtimeNs: chunk.readBigInt64LE(start + 16) * NANO + BigInt(chunk.readUInt32LE(start + 24)),
        target: fromBytes(chunk.subarray(pathEnd, pathEnd + targetLength)),
      };
      start += length;
      yield record;
    }
  }

  /** May be called again. */
  close(): void {
    this.#file.close();
  }

  #flush(): void {
    for (let at = 0; at < this.#used; ) at += writeSync(this.#fd, this.#buffer, at, this.#used - at, null);
    this.#used = 0;
  }
}
