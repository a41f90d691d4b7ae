import { chmodSync, closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { fromText, join, toBytes, type ByteString } from '../bytestring.js';
import { errnoOf } from '../extract/errors.js';
import type { LocalNames } from '../extract/local-names.js';
import { onDisk } from '../extract/on-disk.js';
import { Parents } from '../extract/parents.js';
import { refused, shown } from '../tar/format.js';

/** Open at a time: those that ranges go back and forth between. */
const MAX_OPEN = 64;
const READ = constants.O_RDONLY | ((constants.O_NOFOLLOW as number | undefined) ?? 0);

/** A file that lies in one of the extracted suitcases. */
export interface OpenObject {
  fd: number;
  size: number;
}

/**
 * The directories to which the suitcases of a chain were extracted, each to its own: the full deposit's is number 0. Every
 * file is found below real directories, and no link is followed.
 */
export class NightDirectories {
  readonly #roots: (ByteString | null)[];
  readonly #parents = new Map<number, Parents>();
  readonly #open = new Map<string, OpenObject>();

  /** Null for a suitcase that is missing. */
  constructor(
    directories: readonly (string | null)[],
    readonly names: readonly LocalNames[],
  ) {
    this.#roots = directories.map((directory) => (directory === null ? null : fromText(directory)));
  }

  has(night: number): boolean {
    return this.#roots[night] !== null;
  }

  /** Where a path of that suitcase lies. @throws DepotError 'archive-refused' where something above it is no directory */
  place(night: number, path: ByteString): ByteString {
    let parents = this.#parents.get(night);
    if (parents === undefined) {
      parents = new Parents(this.#roots[night]!, this.names[night]!);
      this.#parents.set(night, parents);
    }
    const place = parents.place(path);
    if (place === null) throw missing(night, path);
    return place;
  }

  /** Opens a file to read; it stays open as long as there is room. @throws DepotError 'archive-refused' where there is none */
  open(night: number, path: ByteString): OpenObject {
    const key = `${night} ${path}`;
    let object = this.#open.get(key);
    if (object === undefined) {
      if (this.#open.size >= MAX_OPEN) this.#close(this.#open.keys().next().value!);
      object = openFile(this.place(night, path), night, path);
    } else {
      this.#open.delete(key);
    }
    // The last one used is the last in the map.
    this.#open.set(key, object);
    return object;
  }

  /** A file of depot's own in that suitcase. */
  openOwn(night: number, path: string): OpenObject {
    return openFile(join(this.#roots[night]!, fromText(path)), night, fromText(path));
  }

  /** May be called again. */
  close(): void {
    for (const key of [...this.#open.keys()]) this.#close(key);
  }

  #close(key: string): void {
    closeSync(this.#open.get(key)!.fd);
    this.#open.delete(key);
  }
}

function openFile(place: ByteString, night: number, path: ByteString): OpenObject {
  const where = onDisk(place);
  const found = lstatSync(where, { throwIfNoEntry: false });
  if (found?.isFile() !== true) throw missing(night, path);
  const fd = openReadable(where, found.mode & 0o7777);
  const opened = fstatSync(fd);
  return { fd, size: opened.size };
}

/** A deposit may hold files that their owner cannot read. */
function openReadable(where: string | Buffer, mode: number): number {
  try {
    return openSync(where, READ);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    chmodSync(where, mode | 0o400);
    try {
      return openSync(where, READ);
    } finally {
      chmodSync(where, mode);
    }
  }
}

function missing(night: number, path: ByteString): Error {
  return refused(`suitcase ${night} of the chain has no file ${shown(toBytes(path))}, which another one needs`);
}
