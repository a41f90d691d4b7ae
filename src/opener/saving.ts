/** Saving what was opened once: into a folder, one file, or the archive. What does not come to its end leaves nothing, or it is said. */
import type { Consumer } from '../open/consumer.js';
import type { JoinedFiles } from './joined-files.js';
import type { Listing } from './listing.js';
import { Enough } from './open-blob.js';
import { outOfBrowser } from './places.js';
import type { FromThread, Kept, SaveRequest } from './protocol.js';
import { fileTarget, FolderSaver, MemoryTarget, newFolder, oneFile, wholeArchive } from './save.js';

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
  const saver = new FolderSaver(folder, joined, platform, { octets: most, entries }, signal);
  try {
    await saver.begin();
    await read(saver.consumer());
    return { kind: 'saved', blob: null, name, report: await saver.finish() };
  } catch (error) {
    await saver.abandon();
    const removed = await directory.removeEntry(name, { recursive: true }).then(
      () => true,
      () => false,
    );
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
    await read(entry === undefined ? wholeArchive(target) : oneFile(target, entry.index, entry.parts)).catch(
      (error: unknown) => {
        if (!(error instanceof Enough)) throw error;
      },
    );
    await target.close();
  } catch (error) {
    const removed = await target.abort().then(
      () => true,
      () => false,
    );
    throw new SaveFailure(outOfBrowser(error), { name: what.handle?.name ?? saved, removed });
  }
  return { kind: 'saved', blob: target instanceof MemoryTarget ? target.blob : null, name: saved, report: null };
}
