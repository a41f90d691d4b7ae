/** A new folder that files are saved into: under names that this system takes, never over anything, no more than was allowed. */
import { toText, type ByteString, localName } from '../dataset/bytestring.js';
import { refused } from '../dataset/tar/format.js';
import { DepotError } from '../errors.js';
import { NOTES } from '../names/archive.js';
import { oneWord, printable } from '../printable.js';
import { allowed, freeName, isNamed } from './places.js';

/** What could not be saved as it is in the archive, for the person to read. */
export interface FolderReport {
  files: number;
  directories: number;
  notes: string[];
}

/** In the folder from the first moment to the last, so that nothing half-done looks done. */
export const UNFINISHED = 'NOT-FINISHED.txt';
const MOST_NOTES = 10_000;
const MORE = 'and more';
const MOST_NOTED_CHARACTERS = 16 << 20;
/** Of names that are no file's here, which hard links may still name. */
const MOST_RENAMED_CHARACTERS = 32 << 20;
/** Directories that only a path names count as entries too: an archive made by depot has none. */
const MADE_PER_ENTRY = 16;
const MADE_BESIDE = 1000;

/** The most that is written, and how many entries the archive has. */
export interface Room {
  bytes: number;
  entries: number;
}

/** Copies of hard links would take more than the person allowed: the archive itself is not larger than that. */
export class TooMuch extends DepotError {
  constructor(readonly most: number) {
    super('archive-refused', `saving it would write more than ${most} bytes, with a copy for each hard link`);
  }
}

export class FolderTree {
  readonly #root: FileSystemDirectoryHandle;
  readonly #platform: NodeJS.Platform;
  readonly #room: Room;
  #written = 0;
  #made = 0;
  #noted = 0;
  #renamedCharacters = 0;
  /** The directory of the last entry: most entries lie beside each other. */
  #directory: { path: string; handle: FileSystemDirectoryHandle };
  /** Path in the archive, and name of its file here where that is not the one that it would have alone; hard links to it are copies of that one. */
  readonly #renamed = new Map<string, string>();
  readonly report: FolderReport = { files: 0, directories: 0, notes: [] };

  /** `root` is new and empty. */
  constructor(root: FileSystemDirectoryHandle, platform: NodeJS.Platform, room: Room) {
    this.#root = root;
    this.#platform = platform;
    this.#room = room;
    this.#directory = { path: '', handle: root };
  }

  async begin(): Promise<void> {
    await writeText(
      this.#root,
      UNFINISHED,
      'This folder is not complete: its files are still being saved, or saving was interrupted. Delete it and save again.\n',
    );
  }

  async finish(): Promise<FolderReport> {
    if (this.report.notes.length > 0)
      await writeText(this.#root, await freeName(this.#root, NOTES), `${this.report.notes.join('\n')}\n`);
    await this.#root.removeEntry(UNFINISHED);
    return this.report;
  }

  /** A hard link becomes a copy. @throws DepotError 'archive-refused' where it does not lead to an earlier file */
  async copyOf(from: string, to: string): Promise<void> {
    const file = await (await this.earlier(from, to)).getFile();
    this.writes(file.size);
    await file.stream().pipeTo(await (await this.create(to)).createWritable());
    this.report.files++;
  }

  /** The file that was saved for a path. Never depot's own: where the archive holds a file of that name, it got another. */
  async earlier(path: string, link: string): Promise<FileSystemFileHandle> {
    const name = this.#renamed.get(path);
    try {
      if (name === undefined && path === UNFINISHED) throw new DOMException(path, 'NotFoundError');
      const directory = await this.enter(parent(path), false);
      return await allowed(name ?? this.#local(last(path)), (local) => directory.getFileHandle(local));
    } catch (error) {
      if (!isNamed(error, 'NotFoundError') && !isNamed(error, 'TypeMismatchError')) throw error;
      throw refused(`a hard link does not point to an earlier file: ${shown(link)}`);
    }
  }

  /** A new file; the name of one that is there, perhaps in other case, gets a number. */
  async create(path: string): Promise<FileSystemFileHandle> {
    const directory = await this.enter(parent(path));
    const alone = this.#local(last(path));
    const name = await freeName(directory, alone);
    if (name === alone) this.#renamed.delete(path);
    else this.#rename(path, name);
    if (name !== toText(last(path) as ByteString))
      this.note(`saved under another name: ${shown(path, oneWord)} as ${oneWord(name)}`);
    this.#makes();
    return directory.getFileHandle(name, { create: true });
  }

  #rename(path: string, name: string): void {
    this.#renamedCharacters += path.length + name.length;
    if (this.#renamedCharacters > MOST_RENAMED_CHARACTERS)
      throw refused('the archive holds too many files whose names are taken here');
    this.#renamed.set(path, name);
  }

  /** So many bytes are about to be written. @throws TooMuch */
  writes(length: number): void {
    this.#written += length;
    if (this.#written > this.#room.bytes) throw new TooMuch(this.#room.bytes);
  }

  #makes(): void {
    if (++this.#made > this.#room.entries * MADE_PER_ENTRY + MADE_BESIDE)
      throw refused('the archive would make far more directories than it has entries');
  }

  /** The directory of that path, made where it is not there. */
  async enter(path: string, create = true): Promise<FileSystemDirectoryHandle> {
    if (this.#directory.path === path) return this.#directory.handle;
    let handle = this.#root;
    for (const name of path === '' ? [] : path.split('/')) {
      handle = await allowed(this.#local(name), (local) =>
        handle.getDirectoryHandle(local).catch((error: unknown) => {
          if (!create || !isNamed(error, 'NotFoundError')) throw error;
          this.#makes();
          if (local !== toText(name as ByteString))
            this.note(
              `saved under another name: ${shown(path, oneWord)}, in which ${shown(name, oneWord)} is ${oneWord(local)}`,
            );
          return handle.getDirectoryHandle(local, { create: true });
        }),
      );
    }
    this.#directory = { path, handle };
    return handle;
  }

  /** A browser takes names that are text, and only those that are safe on every system. */
  #local(name: string): string {
    const text =
      toText(localName(name as ByteString, this.#platform)) ?? toText(localName(name as ByteString, 'win32')) ?? '';
    return text.replace(
      /[\\/:*?"<>|\u0000-\u001f\u007f]/g,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
  }

  /** Something that is not as in the archive. */
  note(text: string): void {
    const { notes } = this.report;
    this.#noted += text.length;
    if (notes.length < MOST_NOTES && this.#noted <= MOST_NOTED_CHARACTERS) notes.push(text);
    else if (notes.at(-1) !== MORE) notes.push(MORE);
  }
}

function shown(path: string, as = printable): string {
  return as(Uint8Array.from(path, (character) => character.charCodeAt(0)));
}

function parent(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

function last(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

async function writeText(directory: FileSystemDirectoryHandle, name: string, text: string): Promise<void> {
  const writable = await (await directory.getFileHandle(name, { create: true })).createWritable();
  await writable.write(text);
  await writable.close();
}

/** A new directory below the one that was chosen. @throws DepotError 'output-exists' */
export async function newFolder(
  parentFolder: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSystemDirectoryHandle> {
  const exists = new DepotError('output-exists', `the folder ${printable(name)} already exists`, {
    hint: 'delete or rename it, or choose another place',
  });
  for await (const existing of namesIn(parentFolder)) {
    if (existing.toLowerCase() === name.toLowerCase()) throw exists;
  }
  const folder = await parentFolder.getDirectoryHandle(name, { create: true });
  // A browser cannot be told to make it only where there is none: another window may have been first.
  if ((await namesIn(folder).next()).done !== true) throw exists;
  return folder;
}

function namesIn(directory: FileSystemDirectoryHandle): AsyncIterableIterator<string> {
  return (directory as unknown as { keys(): AsyncIterableIterator<string> }).keys();
}
