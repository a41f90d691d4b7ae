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
import { errnoOf, extractError, notBelowDirectory } from '../extract/errors.js';
import { makeSymlink, timestamp } from '../extract/finish.js';
import { NO_HARD_LINKS } from '../extract/links.js';
import type { LocalNames } from '../extract/local-names.js';
import { onDisk } from '../extract/on-disk.js';
import { Parents } from '../extract/parents.js';
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
  readonly #names: LocalNames;
  readonly #places: Parents;
  readonly #targets: Parents;

  /** `made`: where the files lie that were put together. */
  constructor(root: string, nights: NightDirectories, made: string) {
    this.#root = fromText(root);
    this.#nights = nights;
    this.#made = fromText(made);
    this.#names = nights.names[0]!;
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
        this.#names.forget(directory);
      }
    };
    for (const { path, clear } of changes) {
      if (clear === null) continue;
      leave(path);
      if (clear === 'directory') {
        deepest = path;
        open.push(path.length);
      } else {
        attempt(path, () => unlinkSync(onDisk(located(parents, path))));
        this.#names.forget(path);
      }
    }
    leave(null);
  }

  /** Puts a path in its place, in the order of the walk, after `clear`. */
  make(path: ByteString, make: Placed): void {
    attempt(path, () => this.#put(path, path, make));
  }

  /** As `make`, under a name that says that it is incomplete; a number tells it from what has that name. Returns the path. */
  makeIncomplete(path: ByteString, make: Make, warn: (message: string) => void): ByteString {
    for (let number = 1; ; number++) {
      const name = incompletePath(path, number);
      const place = located(this.#places, name);
      if (look(onDisk(place)) !== undefined) continue;
      const link = (m: Extract<Make, { kind: 'symlink' }>) =>
        makeSymlink({ path: name, target: m.target, mtimeNs: BigInt(m.mtime) }, place, warn);
      attempt(path, () => (make.kind === 'symlink' ? link(make) : this.#put(path, name, make)));
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

  /** Under `name`, which is the path, or stands in for it. */
  #put(path: ByteString, name: ByteString, make: Placed): void {
    const directory = this.#places.directoryOf(name);
    if (directory === null) throw refused(notBelowDirectory(name));
    if (make.kind === 'link') {
      this.#link(name, directory, make.target, make.mtime);
      return;
    }
    const from =
      make.kind === 'directory'
        ? null
        : make.kind === 'there'
          ? located(this.#targets, path)
          : make.kind === 'made'
            ? this.#madeFile(make.id)
            : this.#nights.place(make.night, path);
    this.#names.make(name, directory, (place) => {
      const where = onDisk(place);
      // A rename would go over what is there.
      if (look(where) !== undefined) throw Object.assign(new Error('there is something'), { code: 'EEXIST' });
      if (from === null) mkdirSync(where);
      else renameSync(onDisk(from), where);
    });
  }

  /** A link of the full deposit may be there already, and still lead to the right file. */
  #link(path: ByteString, directory: ByteString, target: ByteString, mtime: string): void {
    const from = onDisk(located(this.#targets, target));
    const wanted = look(from);
    if (wanted?.isFile() !== true)
      throw refused(
        `a hard link does not point to an earlier file: ${shown(toBytes(path))} to ${shown(toBytes(target))}`,
      );
    const there = join(directory, this.#names.of(path));
    const found = look(onDisk(there));
    if (found !== undefined && this.#names.isAt(path, there)) {
      if (found.ino === wanted.ino && found.dev === wanted.dev) return;
      unlinkSync(onDisk(there));
      this.#names.forget(path);
    }
    this.#names.make(path, directory, (place) => {
      const where = onDisk(place);
      try {
        linkSync(from, where);
      } catch (error) {
        if (!NO_HARD_LINKS.includes(errnoOf(error))) throw error;
        copyFileSync(from, where, constants.COPYFILE_EXCL);
        lutimesSync(where, timestamp(BigInt(mtime)), timestamp(BigInt(mtime)));
      }
    });
  }

  #madeFile(id: number): ByteString {
    const place = madePlace(this.#made, id);
    return this.isWhole(id) ? place : ((place + INCOMPLETE) as ByteString);
  }

  #parents(): Parents {
    return new Parents(this.#root, this.#names);
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

function attempt(path: ByteString, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw extractError(error, path);
  }
}
