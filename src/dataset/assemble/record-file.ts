import { fstatSync, readSync, writeSync } from 'node:fs';
import type { ByteString } from '../bytestring.js';
import { UnnamedFile } from '../extract/spool.js';
import { linesOf, type Stored } from '../chain/stored-lines.js';

const FLUSH = 32_768;

/**
 * A list on disk, for what may be millions: added to, and then read from its beginning. Records are JSON whose strings
 * hold a character for each byte.
 */
export class RecordFile<T> {
  readonly #file: UnnamedFile;
  #waiting = '';

  constructor(directory: ByteString) {
    this.#file = new UnnamedFile(directory);
  }

  add(record: T): void {
    this.#waiting += `${JSON.stringify(record)}\n`;
    if (this.#waiting.length >= FLUSH) this.#flush();
  }

  /** In the order in which they were added. */
  *records(): Generator<T, void> {
    this.#flush();
    for (const line of linesOf(storedIn(this.#file.fd), Infinity)) yield JSON.parse(line) as T;
  }

  /** May be called again. */
  close(): void {
    this.#file.close();
  }

  #flush(): void {
    append(this.#file.fd, this.#waiting);
    this.#waiting = '';
  }
}

/** Writes a text of one character for each byte where the file's last write ended. */
export function append(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, null);
}

/** What lies in an open file. */
export function storedIn(fd: number): Stored {
  return {
    size: fstatSync(fd).size,
    read: (into, position) => readSync(fd, into, 0, into.length, position),
  };
}
