/** Saving all contents below a folder. Only after everything was authenticated once. */
import { fromBytes, toText, type ByteString, localName } from '../dataset/bytestring.js';
import { MANIFEST_PATH } from '../dataset/manifest.js';
import { type EntrySink, type TarEntry, refused } from '../dataset/tar/format.js';
import { TarReader } from '../dataset/tar/read.js';
import { DepotError } from '../errors.js';
import { FIRST_ENTRY, partName } from '../names/archive.js';
import type { Consumer } from '../open/consumer.js';
import { printable } from '../printable.js';
import { allowed, freeName, isNamed } from './places.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Names of some twenty thousand sources of unknown length; depot.yaml has a few, and each has one file in parts. */
const MOST_BYTES = 4 << 20;
const BYTES_BESIDE = 64;

/** The files that the manifest says are stored in parts. They are all kept between two readings, so there is an end to them. */
export class JoinedFiles {
  readonly #paths = new Set<string>();
  #bytes = 0;

  /** @throws DepotError 'archive-refused' */
  add(path: ByteString): void {
    if (this.#paths.has(path)) return;
    this.#bytes += path.length + BYTES_BESIDE;
    if (this.#bytes > MOST_BYTES) throw refused('the archive holds too many files in parts');
    this.#paths.add(path);
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }
}

/** What could not be saved as it is in the archive, for the person to read. */
export interface FolderReport {
  files: number;
  directories: number;
  notes: string[];
}

/** In the folder from the first moment to the last, so that nothing half-done looks done. */
export const UNFINISHED = 'NOT-FINISHED.txt';
/** Lists what a browser cannot make: links, and names that this system does not take. */
export const NOTES = 'NOT-AS-IN-THE-ARCHIVE.txt';
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

type Step = { kind: 'begin'; entry: TarEntry } | { kind: 'data'; bytes: Bytes };

/** Writes every entry below `root`, which is new and empty. Never over anything. */
export class FolderSaver {
  readonly #root: FileSystemDirectoryHandle;
  /** Files that the manifest says are stored in parts: their parts are joined. */
  readonly #joined: { has(path: string): boolean };
  readonly #platform: NodeJS.Platform;
  readonly #room: Room;
  readonly #signal: AbortSignal;
  #written = 0;
  #made = 0;
  #noted = 0;
  #renamedCharacters = 0;
  #steps: Step[] = [];
  #fromDepot: boolean | null = null;
  /** What is written to: the last file, or the one in parts, which stays open while parts of the manifest come between. */
  #file: FileSystemWritableFileStream | null = null;
  #series: { path: string; part: number; writable: FileSystemWritableFileStream } | null = null;
  /** The directory of the last entry: most entries lie beside each other. */
  #directory: { path: string; handle: FileSystemDirectoryHandle };
  /** Path in the archive, and name of its file here where that is not the one that it would have alone; hard links to it are copies of that one. */
  readonly #renamed = new Map<string, string>();
  readonly #report: FolderReport = { files: 0, directories: 0, notes: [] };

  constructor(
    root: FileSystemDirectoryHandle,
    joined: { has(path: string): boolean },
    platform: NodeJS.Platform,
    room: Room,
    signal: AbortSignal,
  ) {
    this.#root = root;
    this.#joined = joined;
    this.#platform = platform;
    this.#room = room;
    this.#signal = signal;
    this.#directory = { path: '', handle: root };
  }

  consumer(): Consumer {
    const sink: EntrySink = {
      begin: (entry) => void this.#steps.push({ kind: 'begin', entry }),
      data: (bytes) => void this.#steps.push({ kind: 'data', bytes: bytes as Bytes }),
      // The next entry may be another part of this file: whoever comes next closes it.
      end: () => undefined,
    };
    const tar = new TarReader(sink);
    return {
      write: async (bytes) => {
        tar.write(bytes);
        await this.#work();
      },
      end: async () => {
        tar.end();
        await this.#closeFiles();
        return null;
      },
    };
  }

  async finish(): Promise<FolderReport> {
    if (this.#report.notes.length > 0)
      await writeText(this.#root, await freeName(this.#root, NOTES), `${this.#report.notes.join('\n')}\n`);
    await this.#root.removeEntry(UNFINISHED);
    return this.#report;
  }

  async begin(): Promise<void> {
    await writeText(
      this.#root,
      UNFINISHED,
      'This folder is not complete: its files are still being saved, or saving was interrupted. Delete it and save again.\n',
    );
  }

  /** After a failure. */
  async abandon(): Promise<void> {
    for (const writable of new Set([this.#file, this.#series?.writable]))
      await writable?.abort().catch(() => undefined);
  }

  async #work(): Promise<void> {
    const steps = this.#steps;
    this.#steps = [];
    for (const step of steps) {
      this.#signal.throwIfAborted();
      if (step.kind === 'begin') {
        await this.#begin(step.entry);
      } else {
        this.#writes(step.bytes.length);
        await this.#file?.write(step.bytes);
      }
    }
  }

  async #begin(entry: TarEntry): Promise<void> {
    const path = fromBytes(entry.path);
    this.#fromDepot ??= path === FIRST_ENTRY;
    const named = this.#fromDepot && entry.type === 'file' ? partName(path) : null;
    const part = named !== null && named.joined !== MANIFEST_PATH && this.#joined.has(named.joined) ? named : null;
    const series = this.#series;
    if (part !== null && series?.path === part.joined && series.part === part.number - 1) {
      await this.#closeFile();
      series.part++;
      this.#file = series.writable;
      return;
    }
    if (named?.joined === MANIFEST_PATH) await this.#closeFile();
    else await this.#closeFiles();
    switch (entry.type) {
      case 'directory':
        if (path !== '') await this.#enter(path);
        this.#report.directories++;
        return;
      case 'symlink':
        this.#note(`symbolic link, not made: ${printable(entry.path)} -> ${printable(entry.linkTarget!)}`);
        return;
      case 'hardlink':
        await this.#copy(fromBytes(entry.linkTarget!), path);
        this.#note(`hard link, saved as a copy: ${printable(entry.path)} -> ${printable(entry.linkTarget!)}`);
        return;
      case 'file':
        this.#file = await (await this.#create(part?.joined ?? path)).createWritable();
        if (part !== null) this.#series = { path: part.joined, part: part.number, writable: this.#file };
        this.#report.files++;
    }
  }

  /** But for the one in parts. */
  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (file !== this.#series?.writable) await file?.close();
  }

  async #closeFiles(): Promise<void> {
    await this.#closeFile();
    const series = this.#series;
    this.#series = null;
    await series?.writable.close();
  }

  async #copy(from: string, to: string): Promise<void> {
    const file = await (await this.#earlier(from, to)).getFile();
    this.#writes(file.size);
    await file.stream().pipeTo(await (await this.#create(to)).createWritable());
    this.#report.files++;
  }

  /** Never depot's own: where the archive holds a file of that name, it got another. */
  async #earlier(path: string, link: string): Promise<FileSystemFileHandle> {
    const name = this.#renamed.get(path);
    try {
      if (name === undefined && path === UNFINISHED) throw new DOMException(path, 'NotFoundError');
      const directory = await this.#enter(parent(path), false);
      return await allowed(name ?? this.#local(last(path)), (local) => directory.getFileHandle(local));
    } catch (error) {
      if (!isNamed(error, 'NotFoundError') && !isNamed(error, 'TypeMismatchError')) throw error;
      throw refused(`a hard link does not point to an earlier file: ${shown(link)}`);
    }
  }

  /** A new file; the name of one that is there, perhaps in other case, gets a number. */
  async #create(path: string): Promise<FileSystemFileHandle> {
    const directory = await this.#enter(parent(path));
    const alone = this.#local(last(path));
    const name = await freeName(directory, alone);
    if (name === alone) this.#renamed.delete(path);
    else this.#rename(path, name);
    if (name !== toText(last(path) as ByteString))
      this.#note(`saved under another name: ${shown(path)} as ${printable(name)}`);
    this.#makes();
    return directory.getFileHandle(name, { create: true });
  }

  #rename(path: string, name: string): void {
    this.#renamedCharacters += path.length + name.length;
    if (this.#renamedCharacters > MOST_RENAMED_CHARACTERS)
      throw refused('the archive holds too many files whose names are taken here');
    this.#renamed.set(path, name);
  }

  /** @throws TooMuch */
  #writes(length: number): void {
    this.#written += length;
    if (this.#written > this.#room.bytes) throw new TooMuch(this.#room.bytes);
  }

  #makes(): void {
    if (++this.#made > this.#room.entries * MADE_PER_ENTRY + MADE_BESIDE)
      throw refused('the archive would make far more directories than it has entries');
  }

  async #enter(path: string, create = true): Promise<FileSystemDirectoryHandle> {
    if (this.#directory.path === path) return this.#directory.handle;
    let handle = this.#root;
    for (const name of path === '' ? [] : path.split('/')) {
      handle = await allowed(this.#local(name), (local) =>
        handle.getDirectoryHandle(local).catch((error: unknown) => {
          if (!create || !isNamed(error, 'NotFoundError')) throw error;
          this.#makes();
          if (local !== toText(name as ByteString))
            this.#note(`saved under another name: ${shown(path)}, in which ${shown(name)} is ${printable(local)}`);
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

  #note(text: string): void {
    const { notes } = this.#report;
    this.#noted += text.length;
    if (notes.length < MOST_NOTES && this.#noted <= MOST_NOTED_CHARACTERS) notes.push(text);
    else if (notes.at(-1) !== MORE) notes.push(MORE);
  }
}

function shown(path: string): string {
  return printable(Uint8Array.from(path, (character) => character.charCodeAt(0)));
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
  const exists = new DepotError('output-exists', `the folder ${printable(name)} exists already`, {
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
