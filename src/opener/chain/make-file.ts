/** Makes a file of stretches of other files, and checks that it is what its manifest says. */
import { toBytes, type ByteString } from '../../dataset/bytestring.js';
import type { Range } from '../../dataset/assemble/ranges.js';
import { refused, shown } from '../../dataset/tar/format.js';
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

  /** The bytes of a range, piece by piece. @throws DepotError 'archive-refused' where it lies outside of its object */
  async *bytes({ night, object, position, length }: Range): AsyncGenerator<Bytes> {
    const opened = await this.#object(night, object);
    if (position + length > opened.blob.size)
      throw refused(`a range of an increment lies outside ${shown(toBytes(object))}`);
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
  let used = 0;
  let left = size;
  const flush = async (): Promise<void> => {
    const bytes = buffer.subarray(0, used);
    used = 0;
    digest.update(bytes);
    if (bytes.length > 0) await write(bytes);
  };
  for (const range of ranges) {
    if (range.length > left) throw refused(`the ranges of ${named(path)} make more than its ${size} bytes`);
    left -= range.length;
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
  if (left > 0) throw refused(`the ranges of ${named(path)} make less than its ${size} bytes`);
  if (digest.hex() !== expected) throw refused(`${named(path)} is not what its manifest says, once it is put together`);
}

/** All of an object, for `makeFile`. @throws DepotError 'archive-refused' where that has another size */
export async function wholeObject(
  { night, object, size }: { night: number; object: ByteString; size: number },
  objects: Objects,
): Promise<Range[]> {
  if ((await objects.sizeOf(night, object)) !== size)
    throw refused(`${shown(toBytes(object))} does not have the size that a later night says`);
  return size === 0 ? [] : [{ night, object, position: 0, length: size }];
}

function named(path: string): string {
  return shown(toBytes(path as ByteString));
}
