import { toBytes, type ByteString } from '../bytestring.js';
import { linesOf, type Stored } from '../chain/stored-lines.js';
import { isObject } from '../chain/night-manifest.js';
import { MAX_LINE, parseRangesLine } from '../chain/parse.js';
import { refused, shown } from '../tar/format.js';

/** Memory for the objects that the ranges of one file name. */
const MAX_OBJECT_BYTES = 32 << 20;
const OBJECT_OVERHEAD = 128;

/** A stretch of an object. */
export interface Range {
  night: number;
  object: ByteString;
  position: number;
  length: number;
}

/** Holds the ranges of one file to its size, and to that of each object that they lie in. */
export class RangeBounds {
  readonly #path: ByteString;
  readonly #size: number;
  #left: number;

  constructor(path: ByteString, size: number) {
    this.#path = path;
    this.#size = size;
    this.#left = size;
  }

  /** The next one. @throws DepotError 'archive-refused' */
  take({ object, position, length }: Range, objectSize: number): void {
    if (length > this.#left || position + length > objectSize)
      throw refused(
        `the ranges of ${shown(toBytes(this.#path))} lie outside of ${shown(toBytes(object))}, or make too much`,
      );
    this.#left -= length;
  }

  /** After the last: what was put together has such a digest. @throws DepotError 'archive-refused' */
  end(sha256: string, expected: string | null): void {
    const path = shown(toBytes(this.#path));
    if (this.#left > 0) throw refused(`the ranges of ${path} make less than its ${this.#size} bytes`);
    if (sha256 !== expected) throw refused(`${path} is not what its manifest says, once it is put together`);
  }
}

/** All of an object, which a later night says to have that size. @throws DepotError 'archive-refused' when it has another */
export function wholeObject(
  { night, object, size }: { night: number; object: ByteString; size: number },
  found: number,
): Range[] {
  if (found !== size)
    throw refused(`${shown(toBytes(object))} of night ${night} does not have the size that a later one says`);
  return size === 0 ? [] : [{ night, object, position: 0, length: size }];
}

interface Known {
  night: number;
  object: ByteString;
  /** Where its last range ended. */
  end: number;
}

/**
 * The ranges of one suitcase, as a stream: file after file, and for each of them range after range. Holds what the
 * objects are called, and not the ranges. @throws DepotError 'archive-refused'
 */
export class RangesReader {
  readonly #night: number;
  readonly #lines: Generator<string, void>;
  /** Of the file that is read. */
  #objects: Known[] = [];
  #objectBytes = 0;
  /** Of the file whose ranges come next. */
  #number = 0;
  #next = 0;

  constructor(stored: Stored, night: number) {
    this.#night = night;
    this.#lines = linesOf(stored, MAX_LINE);
    if (this.#until().next().done !== true) throw refused('the ranges of an increment begin without a file');
  }

  /** The ranges of the file with that number, which must be greater than the last one asked for. */
  *of(number: number): Generator<Range, void> {
    while (this.#next > 0 && this.#next < number) {
      this.#number = this.#next;
      const passedOver = this.#until();
      while (passedOver.next().done !== true);
    }
    if (this.#next !== number) throw refused(`the ranges of night ${this.#night} have no file ${number}`);
    this.#number = number;
    yield* this.#until();
  }

  /** Ranges up to the next file, which then is `#next`; 0 at the end. */
  *#until(): Generator<Range, void> {
    for (let read = this.#lines.next(); read.done !== true; read = this.#lines.next()) {
      const line = parseRangesLine(read.value);
      switch (line.kind) {
        case 'file':
          if (line.number !== this.#number + 1)
            throw refused(`the ranges of night ${this.#night} are out of order at file ${line.number}`);
          this.#next = line.number;
          this.#objects = [];
          this.#objectBytes = 0;
          return;
        case 'object':
          this.#name(line.index, line.night, line.object);
          break;
        case 'range':
          yield this.#range(line.index, line.gap, line.length);
      }
    }
    this.#next = 0;
  }

  #name(index: number, night: number, object: ByteString): void {
    if (index !== this.#objects.length || !isObject(night, object, this.#night))
      throw refused(
        `the ranges of night ${this.#night} name an object that there cannot be: ${shown(toBytes(object))}`,
      );
    this.#objectBytes += OBJECT_OVERHEAD + object.length;
    if (this.#objectBytes > MAX_OBJECT_BYTES) throw refused(`the ranges of night ${this.#night} name too many objects`);
    this.#objects.push({ night, object, end: 0 });
  }

  #range(index: number, gap: number, length: number): Range {
    const known = this.#objects[index];
    if (known === undefined) throw refused(`the ranges of night ${this.#night} use an object that they do not name`);
    const position = known.end + gap;
    known.end = position + length;
    if (position < 0 || !Number.isSafeInteger(known.end))
      throw refused(`the ranges of night ${this.#night} lie outside of ${shown(toBytes(known.object))}`);
    return { night: known.night, object: known.object, position, length };
  }
}
