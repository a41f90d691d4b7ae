/** Lists and files that may be too long for memory: a browser keeps a Blob where it has room, on disk too. */
import { linesOf, type Stored } from '../../dataset/chain/stored-lines.js';
import { DepotError } from '../../errors.js';
import { fromLatin1 } from '../primitives.js';
import { MOST_IN_MEMORY } from '../targets.js';

/** What is read of a Blob at once; there is a window for each manifest of a chain. */
const WINDOW = 128 * 1024;
const FLUSH = 4 << 20;

interface SyncReader {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
declare const FileReaderSync: new () => SyncReader;

/** Only in a thread: it is read while its caller waits. */
export class BlobFile {
  #blob = new Blob([]);
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #length = 0;

  /** Copies the bytes. @throws DepotError 'local-disk-full' */
  append(bytes: Uint8Array): void {
    this.#pieces.push(bytes.slice());
    this.#length += bytes.length;
    if (this.#blob.size + this.#length > MOST_IN_MEMORY)
      throw new DepotError('local-disk-full', 'the list of what is inside is too long for a browser', {
        hint: 'use depot, or the commands at the end of this page',
      });
    if (this.#length > FLUSH) this.#flush();
  }

  /** What was appended so far. */
  stored(): Stored {
    this.#flush();
    const blob = this.#blob;
    const reader = new FileReaderSync();
    let start = 0;
    let window = new Uint8Array(0);
    return {
      size: blob.size,
      read(into, position) {
        if (position < start || position >= start + window.length) {
          start = position;
          window = new Uint8Array(reader.readAsArrayBuffer(blob.slice(position, position + WINDOW)));
        }
        const found = window.subarray(position - start, position - start + into.length);
        into.set(found);
        return found.length;
      },
    };
  }

  #flush(): void {
    if (this.#length === 0) return;
    this.#blob = new Blob([this.#blob, ...this.#pieces]);
    this.#pieces = [];
    this.#length = 0;
  }
}

/** Records whose strings hold a character for each byte. */
export class BlobList<T> {
  readonly #file = new BlobFile();
  #waiting = '';

  add(record: T): void {
    this.#waiting += `${JSON.stringify(record)}\n`;
    if (this.#waiting.length > WINDOW) this.#flush();
  }

  /** In the order in which they were added. */
  *records(): Generator<T, void> {
    this.#flush();
    for (const line of linesOf(this.#file.stored(), Infinity)) yield JSON.parse(line) as T;
  }

  #flush(): void {
    this.#file.append(fromLatin1(this.#waiting));
    this.#waiting = '';
  }
}
