import { createHash } from 'node:crypto';
import { MAX_PARTS, partSuffix } from '../../names/archive.js';
import type { Archive } from '../archive.js';
import { type ByteString, fromText } from '../bytestring.js';
import type { Chunk } from '../chunks.js';
import { refused } from '../tar/format.js';
import type { TarHeader } from '../tar/write.js';
import { partsLine } from '../chain/lines.js';

/** What one step may add before `store` is asked again: the blocks of a window, or their ranges. */
const STEP = 2 << 20;

/** A file of depot's own that grows while the dataset is packed, stored in parts between other entries. */
export class GrowingFile {
  /** How long it is by now. */
  size = 0;
  readonly #path: string;
  readonly #partBytes: number;
  readonly #buffer: Buffer<ArrayBuffer>;
  readonly #hash = createHash('sha256');
  #used = 0;
  #count = 0;

  constructor(path: string, partBytes: number) {
    this.#path = path;
    this.#partBytes = partBytes;
    this.#buffer = Buffer.allocUnsafeSlow(partBytes + STEP);
  }

  /** Returns where they begin. */
  add(bytes: Uint8Array): number {
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
    this.size += bytes.length;
    return this.size - bytes.length;
  }

  addText(text: string): void {
    const length = this.#buffer.write(text, this.#used, 'latin1');
    this.#used += length;
    this.size += length;
  }

  /** Stores a part when one is full. */
  *storeFull(archive: Archive): Generator<Chunk, void> {
    while (this.#used >= this.#partBytes) yield* this.#store(archive, this.#partBytes);
  }

  /** Stores what is left, and lists the whole. */
  *end(archive: Archive): Generator<Chunk, void> {
    yield* this.storeFull(archive);
    if (this.#used > 0 || this.#count === 0) yield* this.#store(archive, this.#used);
    const header = this.#header(archive, '', this.size);
    yield* archive.line(partsLine(header, { sha256: this.#hash.digest('hex'), changed: false }, this.#count));
  }

  *#store(archive: Archive, length: number): Generator<Chunk, void> {
    if (++this.#count > MAX_PARTS) throw refused(`${this.#path} has more than ${MAX_PARTS} parts`);
    const part = this.#buffer.subarray(0, length);
    this.#hash.update(part);
    yield* archive.stored(this.#header(archive, partSuffix(this.#count), length), part);
    this.#buffer.copyWithin(0, length, this.#used);
    this.#used -= length;
  }

  #header(archive: Archive, suffix: string, size: number): TarHeader {
    const path: ByteString = fromText(this.#path + suffix);
    return { path, type: 'file', size, mode: 0o600, mtimeNs: archive.startedNs, linkTarget: null };
  }
}
