/** Where the bytes of what is saved go. */
import { DepotError } from '../errors.js';
import type { Consumer } from '../open/consumer.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Where bytes go: a file that the person chose, or the browser's memory. */
export interface Target {
  write(bytes: Bytes): Promise<void>;
  close(): Promise<void>;
  /** What was written so far is not to be kept. */
  abort(): Promise<void>;
}

/** Hands on until somebody stops it. */
export function stoppable(consumer: Consumer, signal: AbortSignal): Consumer {
  return {
    write(bytes) {
      signal.throwIfAborted();
      return consumer.write(bytes);
    },
    end: () => consumer.end(),
  };
}

/** The most that is kept for a download where the browser cannot write to a file that the person chooses. */
export const MOST_IN_MEMORY = 2 * 1024 ** 3 - 1;

/** Into the browser's memory, from where it becomes a download. @throws DepotError 'local-disk-full' */
export class MemoryTarget implements Target {
  #blob = new Blob([]);
  #pieces: Bytes[] = [];
  #length = 0;

  write(bytes: Bytes): Promise<void> {
    this.#pieces.push(bytes.slice());
    this.#length += bytes.length;
    if (this.#blob.size + this.#length > MOST_IN_MEMORY)
      return Promise.reject(
        new DepotError('local-disk-full', 'this browser can save at most 2 GiB at once', {
          hint: 'use a browser based on Chromium, or the commands at the end of this page',
        }),
      );
    // A Blob may lie on disk; an array does not.
    if (this.#length > 32 << 20) this.#toBlob();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#toBlob();
    return Promise.resolve();
  }

  abort(): Promise<void> {
    this.#blob = new Blob([]);
    this.#pieces = [];
    return Promise.resolve();
  }

  get blob(): Blob {
    return this.#blob;
  }

  #toBlob(): void {
    this.#blob = new Blob([this.#blob, ...this.#pieces]);
    this.#pieces = [];
    this.#length = 0;
  }
}

/** Into a file that the person chose; the browser puts it in place when it is closed, and leaves it as it was when that is not to be. */
export async function fileTarget(handle: FileSystemFileHandle): Promise<Target> {
  const writable = await handle.createWritable();
  // An empty file stays where one is: nobody can tell whether the dialog made it, or it is the person's own.
  return { write: (bytes) => writable.write(bytes), close: () => writable.close(), abort: () => writable.abort() };
}
