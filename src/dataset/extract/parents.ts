import { lstatSync } from 'node:fs';
import { join, type ByteString } from '../bytestring.js';
import { errnoOf, NOT_POSSIBLE } from './errors.js';
import type { LocalNames } from './local-names.js';
import { onDisk, parted } from './on-disk.js';

/**
 * Where entries lie on disk. Every directory on the way must be a real one: whatever an archive holds, no path leads
 * through a link. Those of the path before are not looked at again, for nothing ever takes the place of a directory.
 */
export class Parents {
  readonly #entries: LocalNames;
  readonly #missing: (path: ByteString, directory: ByteString) => boolean;
  #path: ByteString | null = '' as ByteString;
  /** Components, and the length on disk up to each: whole paths would take the square of the depth. */
  readonly #names: ByteString[] = [];
  readonly #lengths: number[] = [];
  #local: ByteString;
  readonly #root: number;

  /**
   * `missing`: a path of the archive goes through what is not there or no directory, and would lie in `directory` on disk;
   * true when now it is one.
   */
  constructor(
    root: ByteString,
    entries: LocalNames,
    missing: (path: ByteString, directory: ByteString) => boolean = () => false,
  ) {
    this.#entries = entries;
    this.#missing = missing;
    this.#local = root;
    this.#root = root.length;
  }

  /** The place on disk of this path in the archive; null where something above it is no directory. */
  place(path: ByteString): ByteString | null {
    const directory = this.directoryOf(path);
    return directory === null ? null : join(directory, this.#entries.of(path));
  }

  /** The place on disk of the directory that holds it; null where that, or something above it, is none. */
  directoryOf(path: ByteString): ByteString | null {
    return this.#enter(parted(path).directory) ? this.#local : null;
  }

  #enter(directory: ByteString): boolean {
    if (directory === this.#path) return true;
    this.#path = null;
    const names = directory === '' ? [] : (directory.split('/') as ByteString[]);
    let depth = 0;
    while (depth < names.length && this.#names[depth] === names[depth]) depth++;
    this.#names.length = this.#lengths.length = depth;
    this.#local = this.#local.slice(0, this.#lengths.at(-1) ?? this.#root) as ByteString;
    let end = names.slice(0, depth).reduce((length, name) => length + name.length + 1, 0);
    for (const name of names.slice(depth)) {
      const path = directory.slice(0, (end += name.length)) as ByteString;
      end++;
      let local = join(this.#local, this.#entries.of(path));
      if (!isDirectory(local)) {
        if (!this.#missing(path, this.#local)) return false;
        local = join(this.#local, this.#entries.of(path));
      }
      this.#local = local;
      this.#names.push(name);
      this.#lengths.push(local.length);
    }
    this.#path = directory;
    return true;
  }
}

/** False also for a name that no entry here could have: one that is possible is still to be found for it. */
function isDirectory(place: ByteString): boolean {
  try {
    return lstatSync(onDisk(place), { throwIfNoEntry: false })?.isDirectory() === true;
  } catch (error) {
    if (NOT_POSSIBLE.includes(errnoOf(error))) return false;
    throw error;
  }
}
