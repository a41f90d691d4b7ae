/** Saving what was opened once: into a folder, one file, or the archive. What does not come to its end leaves nothing, or it is said. */
import { succeeds } from '../abort.js';
import { fromBytes } from '../dataset/bytestring.js';
import { TarReader } from '../dataset/tar/read.js';
import { DepotError } from '../errors.js';
import { FIRST_ENTRY, partName } from '../names/archive.js';
import type { Consumer } from '../open/consumer.js';
import { FolderSaver, type JoinedFiles } from './folder.js';
import { newFolder } from './folder-tree.js';
import type { Listing } from './listing.js';
import { Enough } from './open-blob.js';
import { outOfBrowser } from './places.js';
import type { FromThread, Kept, SaveRequest } from './protocol.js';

type Bytes = Uint8Array<ArrayBuffer>;
type Saved = Extract<FromThread, { kind: 'saved' }>;

export interface Saving {
  listing: Listing;
  joined: JoinedFiles;
  /** Of the folder or archive. */
  name: string;
  entries: number;
  most: number;
  /** Opens the suitcase again, to its end, and gives the contents to the consumer. */
  read: (consumer: Consumer) => Promise<void>;
  /** The folder was made: from now on decrypted files may lie in it. */
  made: (name: string) => void;
  signal: AbortSignal;
}

/** Saving failed, or was stopped, after it had begun to write. */
export class SaveFailure extends Error {
  constructor(
    cause: unknown,
    readonly kept: Kept,
  ) {
    super('saving did not come to its end', { cause });
  }
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

/** @throws SaveFailure; DepotError when nothing was written yet */
export async function save(what: SaveRequest, saving: Saving): Promise<Saved> {
  return what.kind === 'folder' ? saveFolder(what, saving) : saveFile(what, saving);
}

async function saveFolder(
  { directory, platform }: Extract<SaveRequest, { kind: 'folder' }>,
  { name, joined, most, entries, read, made, signal }: Saving,
): Promise<Saved> {
  const folder = await newFolder(directory, name).catch((error: unknown) => {
    throw outOfBrowser(error);
  });
  made(name);
  const saver = new FolderSaver(folder, joined, platform, { bytes: most, entries }, signal);
  try {
    await saver.begin();
    await read(saver.consumer());
    return { kind: 'saved', blob: null, name, report: await saver.finish() };
  } catch (error) {
    await saver.abandon();
    const removed = await succeeds(directory.removeEntry(name, { recursive: true }));
    throw new SaveFailure(outOfBrowser(error), { name, removed });
  }
}

async function saveFile(
  what: Exclude<SaveRequest, { kind: 'folder' }>,
  { name, listing, read }: Saving,
): Promise<Saved> {
  const target =
    what.handle === null
      ? new MemoryTarget()
      : await fileTarget(what.handle).catch((error: unknown) => {
          throw outOfBrowser(error);
        });
  const entry = what.kind === 'file' ? listing.at(what.index) : undefined;
  const saved = entry === undefined ? `${name}.tar` : entry.path.slice(entry.path.lastIndexOf('/') + 1);
  try {
    const archive: Consumer = { write: (bytes) => target.write(bytes), end: () => null };
    await read(entry === undefined ? archive : oneFile(target, entry.index, entry.parts)).catch((error: unknown) => {
      if (!(error instanceof Enough)) throw error;
    });
    await target.close();
  } catch (error) {
    const removed = await succeeds(target.abort());
    throw new SaveFailure(outOfBrowser(error), { name: what.handle?.name ?? saved, removed });
  }
  return { kind: 'saved', blob: target instanceof MemoryTarget ? target.blob : null, name: saved, report: null };
}

/** Where bytes go: a file that the person chose, or the browser's memory. */
export interface Target {
  write(bytes: Bytes): Promise<void>;
  close(): Promise<void>;
  /** What was written so far is not to be kept. */
  abort(): Promise<void>;
}

/** Entry `index`, or the `parts` parts of the file that begins there; stops reading behind the last with `Enough`. */
export function oneFile(target: Target, index: number, parts: number): Consumer {
  let at = -1;
  let fromDepot: boolean | null = null;
  let joined: string | null = null;
  let taken = 0;
  let isPart = false;
  let waiting: Bytes[] = [];
  const tar = new TarReader({
    begin: (entry) => {
      at++;
      const path = fromBytes(entry.path);
      fromDepot ??= path === FIRST_ENTRY;
      const name = fromDepot ? (partName(path)?.joined ?? null) : null;
      if (at === index) joined = name;
      isPart = taken < parts && (at === index || (at > index && name !== null && name === joined));
    },
    data: (bytes) => {
      if (isPart) waiting.push(bytes as Bytes);
    },
    end: () => {
      if (isPart) taken++;
    },
  });
  return {
    async write(bytes) {
      tar.write(bytes);
      for (const piece of waiting) await target.write(piece);
      waiting = [];
      if (taken === parts) throw new Enough();
    },
    end: () => null,
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
