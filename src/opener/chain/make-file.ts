/** Makes a file of stretches of other files, and checks that it is what its manifest says. */
import type { ByteString } from '../../dataset/bytestring.js';
import { type Range, RangeBounds } from '../../dataset/assemble/ranges.js';
import { sha256 } from '../primitives.js';
import { bytesOf } from '../suitcase-blob.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Ranges go back and forth between objects, and mostly on within each: so much of each is read at once. */
const WINDOW = 256 * 1024;
const MOST_OPEN = 64;
const BUFFER = 1 << 20;

export interface Made {
  path: string;
  size: number;
  /** Lower-case hex. */
  sha256: string;
}

interface Opened {
  blob: Blob;
  start: number;
  window: Bytes;
}

/** The files of all suitcases of a chain, as far as they are needed. */
export class Objects {
  readonly #open: (night: number, object: ByteString) => Promise<Blob>;
  readonly #opened = new Map<string, Opened>();

  /** `open` @throws DepotError 'archive-refused' where there is no such file */
  constructor(open: (night: number, object: ByteString) => Promise<Blob>) {
    this.#open = open;
  }

  async sizeOf(night: number, object: ByteString): Promise<number> {
    return (await this.#object(night, object)).blob.size;
  }

  /** The bytes of a range within its object, piece by piece. */
  async *bytes({ night, object, position, length }: Range): AsyncGenerator<Bytes> {
    const opened = await this.#object(night, object);
    for (let at = position; at < position + length; ) {
      const left = position + length - at;
      if (at < opened.start || at >= opened.start + opened.window.length) {
        const stop = Math.min(opened.blob.size, at + Math.min(Math.max(left, WINDOW), BUFFER));
        opened.start = at;
        opened.window = new Uint8Array(await bytesOf(opened.blob.slice(at, stop)));
      }
      const piece = opened.window.subarray(at - opened.start, at - opened.start + left);
      at += piece.length;
      yield piece;
    }
    // A long one is not kept, so that what is kept has an end.
    if (opened.window.length > WINDOW) opened.window = new Uint8Array(0);
  }

  async #object(night: number, object: ByteString): Promise<Opened> {
    const key = `${night} ${object}`;
    let opened = this.#opened.get(key);
    if (opened === undefined) {
      if (this.#opened.size >= MOST_OPEN) this.#opened.delete(this.#opened.keys().next().value!);
      opened = { blob: await this.#open(night, object), start: 0, window: new Uint8Array(0) };
    } else this.#opened.delete(key);
    // The last one used is the last in the map.
    this.#opened.set(key, opened);
    return opened;
  }
}

/** @throws DepotError 'archive-refused', and what `write` throws */
export async function makeFile(
  { path, size, sha256: expected }: Made,
  ranges: Iterable<Range>,
  objects: Objects,
  write: (bytes: Bytes) => Promise<void>,
): Promise<void> {
  const digest = sha256();
  const buffer = new Uint8Array(Math.min(BUFFER, Math.max(size, 1)));
  const bounds = new RangeBounds(path as ByteString, size);
  let used = 0;
  const flush = async (): Promise<void> => {
    const bytes = buffer.subarray(0, used);
    used = 0;
    digest.update(bytes);
    if (bytes.length > 0) await write(bytes);
  };
  for (const range of ranges) {
    bounds.take(range, await objects.sizeOf(range.night, range.object));
    for await (const piece of objects.bytes(range)) {
      for (let at = 0; at < piece.length; ) {
        const some = piece.subarray(at, at + buffer.length - used);
        buffer.set(some, used);
        at += some.length;
        used += some.length;
        if (used === buffer.length) await flush();
      }
    }
  }
  await flush();
  bounds.end(digest.hex(), expected);
}
