/** Saving what was opened once: into a folder, one file, or the archive. What does not come to its end leaves nothing, or it is said. */
import { succeeds } from '../abort.js';
import { fromBytes } from '../dataset/bytestring.js';
import { TarReader } from '../dataset/tar/read.js';
import { DepotError } from '../errors.js';
import { FIRST_ENTRY, partName } from '../names/archive.js';
import type { Consumer } from '../open/consumer.js';
import { FolderSaver, type JoinedFiles } from './folder.js';
import { FolderTree, newFolder } from './folder-tree.js';
import { saveNightFile } from './chain/night-file.js';
import { NightFolder } from './chain/night-folder.js';
import type { Night } from './chain/night.js';
import type { ListedRows, Listing } from './listing.js';
import { Enough } from './open-blob.js';
import { outOfBrowser } from './places.js';
import { fileTarget, MemoryTarget, stoppable, type Target } from './targets.js';
import type { FromThread, Kept, SaveRequest } from './protocol.js';

type Bytes = Uint8Array<ArrayBuffer>;
type Saved = Extract<FromThread, { kind: 'saved' }>;

/** One suitcase, or a night that is put together of several. */
export type Contents =
  | {
      kind: 'suitcase';
      listing: Listing;
      joined: JoinedFiles;
      /** Opens the suitcase again, to its end, and gives the contents to the consumer. */
      read: (consumer: Consumer) => Promise<void>;
    }
  | { kind: 'night'; night: Night };

export interface Saving {
  contents: Contents;
  rows: Pick<ListedRows, 'at'>;
  /** Of the folder or archive. */
  name: string;
  entries: number;
  most: number;
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
    super('saving did not finish', { cause });
  }
}

/** @throws SaveFailure; DepotError when nothing was written yet */
export async function save(what: SaveRequest, saving: Saving): Promise<Saved> {
  return what.kind === 'folder' ? saveFolder(what, saving) : saveFile(what, saving);
}

async function saveFolder(
  { directory, platform }: Extract<SaveRequest, { kind: 'folder' }>,
  { name, contents, most, entries, made, signal }: Saving,
): Promise<Saved> {
  const folder = await newFolder(directory, name).catch((error: unknown) => {
    throw outOfBrowser(error);
  });
  made(name);
  const tree = new FolderTree(folder, platform, { bytes: most, entries });
  try {
    await tree.begin();
    if (contents.kind === 'night') await new NightFolder(contents.night, folder, tree, signal).save();
    else await saveTree(contents, tree, signal);
    return { kind: 'saved', blob: null, name, report: await tree.finish() };
  } catch (error) {
    const removed = await succeeds(directory.removeEntry(name, { recursive: true }));
    throw new SaveFailure(outOfBrowser(error), { name, removed });
  }
}

async function saveTree(
  { joined, read }: Extract<Contents, { kind: 'suitcase' }>,
  tree: FolderTree,
  signal: AbortSignal,
): Promise<void> {
  const saver = new FolderSaver(tree, joined, signal);
  try {
    await read(stoppable(saver.consumer(), signal));
  } catch (error) {
    await saver.abandon();
    throw error;
  }
}

async function saveFile(
  what: Exclude<SaveRequest, { kind: 'folder' }>,
  { name, contents, rows, signal }: Saving,
): Promise<Saved> {
  const target =
    what.handle === null
      ? new MemoryTarget()
      : await fileTarget(what.handle).catch((error: unknown) => {
          throw outOfBrowser(error);
        });
  const entry = what.kind === 'file' ? rows.at(what.index) : undefined;
  const saved = entry === undefined ? `${name}.tar` : entry.path.slice(entry.path.lastIndexOf('/') + 1);
  try {
    if (contents.kind === 'night') {
      if (entry === undefined) throw new DepotError('usage', 'a night of several suitcases is not an archive');
      await saveNightFile(contents.night, entry.index, target, signal);
    } else {
      const archive: Consumer = { write: (bytes) => target.write(bytes), end: () => null };
      const consumer = entry === undefined ? archive : oneFile(target, entry.index, entry.parts);
      await contents.read(stoppable(consumer, signal)).catch((error: unknown) => {
        if (!(error instanceof Enough)) throw error;
      });
    }
    await target.close();
  } catch (error) {
    const removed = await succeeds(target.abort());
    throw new SaveFailure(outOfBrowser(error), { name: what.handle?.name ?? saved, removed });
  }
  return { kind: 'saved', blob: target instanceof MemoryTarget ? target.blob : null, name: saved, report: null };
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
