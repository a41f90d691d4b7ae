import {
  constants,
  copyFileSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { fromText, join, toBytes, type ByteString } from '../bytestring.js';
import { errnoOf, extractError, notBelowDirectory, taken } from '../extract/errors.js';
import { makeSymlink, timestamp } from '../extract/finish.js';
import { NO_HARD_LINKS } from '../extract/links.js';
import { onDisk, Parents } from '../extract/parents.js';
import { refused, shown } from '../tar/format.js';
import type { NightDirectories } from './night-directories.js';
import { INCOMPLETE, incompletePath, type Change, type Make } from './plan.js';

type Placed = Exclude<Make, { kind: 'symlink' }>;

/**
 * Turns the full deposit's tree into that of the wanted night. Nothing is ever moved over something else, and nothing is
 * found through a link: all directories on the way are real ones.
 */
export class Tree {
  readonly #root: ByteString;
  readonly #nights: NightDirectories;
  readonly #made: ByteString;
  readonly #places: Parents;
  readonly #targets: Parents;

  /** `made`: where the files lie that were put together. */
  constructor(root: string, nights: NightDirectories, made: string) {
    this.#root = fromText(root);
    this.#nights = nights;
    this.#made = fromText(made);
    this.#places = this.#parents();
    this.#targets = this.#parents();
  }

  /** Removes what the wanted night does not have, or has with other contents. */
  clear(changes: Iterable<Change>): void {
    const parents = this.#parents();
    // Directories that are removed when everything in them is: each below the one before it.
    let deepest = '' as ByteString;
    const open: number[] = [];
    const leave = (path: ByteString | null): void => {
      for (let length = open.at(-1); length !== undefined; length = open.at(-1)) {
        const directory = deepest.slice(0, length) as ByteString;
        if (path?.startsWith(`${directory}/`)) return;
        open.pop();
        attempt(directory, () => rmdirSync(onDisk(located(this.#parents(), directory))));
      }
    };
    for (const { path, clear } of changes) {
      if (clear === null) continue;
      leave(path);
      if (clear === 'directory') {
        deepest = path;
        open.push(path.length);
      } else attempt(path, () => unlinkSync(onDisk(located(parents, path))));
    }
    leave(null);
  }

  /** Puts a path in its place, in the order of the walk, after `clear`. */
  make(path: ByteString, make: Placed): void {
    const place = located(this.#places, path);
    attempt(path, () => this.#put(path, place, make), place);
  }

  /** As `make`, under a name that says that it is incomplete; a number tells it from what has that name. Returns the path. */
  makeIncomplete(path: ByteString, make: Make, warn: (message: string) => void): ByteString {
    for (let number = 1; ; number++) {
      const name = incompletePath(path, number);
      const place = located(this.#places, name);
      if (look(onDisk(place)) !== undefined) continue;
      if (make.kind !== 'symlink') attempt(path, () => this.#put(path, place, make), place);
      else makeSymlink({ path: name, target: make.target, mtimeNs: BigInt(make.mtime) }, place, warn);
      return name;
    }
  }

  /** Whether a file that was put together is whole, or else lies there with gaps (`setIncomplete`). */
  isWhole(id: number): boolean {
    return look(onDisk((madePlace(this.#made, id) + INCOMPLETE) as ByteString)) === undefined;
  }

  /** Whether there is a file. */
  hasFile(path: ByteString): boolean {
    const place = this.#targets.place(path);
    return place !== null && look(onDisk(place))?.isFile() === true;
  }

  #put(path: ByteString, place: ByteString, make: Placed): void {
    const where = onDisk(place);
    if (make.kind === 'link') {
      this.#link(path, place, make.target, make.mtime);
      return;
    }
    if (lstatSync(where, { throwIfNoEntry: false }) !== undefined)
      throw taken(path, place, `two paths of the night are one here: ${shown(toBytes(path))}`);
    if (make.kind === 'directory') mkdirSync(where);
    else if (make.kind === 'there') renameSync(onDisk(located(this.#targets, path)), where);
    else if (make.kind === 'made') renameSync(onDisk(this.#madeFile(make.id)), where);
    else renameSync(onDisk(this.#nights.place(make.night, path)), where);
  }

  /** A link of the full deposit may be there already, and still lead to the right file. */
  #link(path: ByteString, place: ByteString, target: ByteString, mtime: string): void {
    const from = onDisk(located(this.#targets, target));
    const where = onDisk(place);
    const wanted = look(from);
    if (wanted?.isFile() !== true)
      throw refused(
        `a hard link does not point to an earlier file: ${shown(toBytes(path))} to ${shown(toBytes(target))}`,
      );
    const found = look(where);
    if (found !== undefined) {
      if (found.ino === wanted.ino && found.dev === wanted.dev) return;
      unlinkSync(where);
    }
    try {
      linkSync(from, where);
    } catch (error) {
      if (!NO_HARD_LINKS.includes(errnoOf(error))) throw error;
      copyFileSync(from, where, constants.COPYFILE_EXCL);
      lutimesSync(where, timestamp(BigInt(mtime)), timestamp(BigInt(mtime)));
    }
  }

  #madeFile(id: number): ByteString {
    const place = madePlace(this.#made, id);
    return this.isWhole(id) ? place : ((place + INCOMPLETE) as ByteString);
  }

  #parents(): Parents {
    return new Parents(this.#root, process.platform, () => false);
  }
}

/** Where a file lies that was put together. */
export function madePlace(directory: ByteString, id: number): ByteString {
  return join(directory, String(id) as ByteString);
}

function look(where: string | Buffer): BigIntStats | undefined {
  return lstatSync(where, { throwIfNoEntry: false, bigint: true });
}

function located(parents: Parents, path: ByteString): ByteString {
  const place = parents.place(path);
  if (place === null) throw refused(notBelowDirectory(path));
  return place;
}

function attempt(path: ByteString, work: () => void, place?: ByteString): void {
  try {
    work();
  } catch (error) {
    throw extractError(error, path, place);
  }
}
