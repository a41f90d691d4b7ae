import { createHash, randomBytes } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, unlinkSync } from 'node:fs';
import { fromText, join, localName, toBytes, toText, type ByteString } from '../bytestring.js';
import { oneWord } from '../../printable.js';
import { refused, shown } from '../tar/format.js';
import { errnoOf, NOT_POSSIBLE } from './errors.js';
import { onDisk, parted } from './on-disk.js';
import type { Warnings } from './warnings.js';

/** Of the names that have to be remembered: together, in characters, and those that were taken. */
const MOST_CHARACTERS = 32 << 20;
const MOST_TAKEN = 10_000;
/** Names in listings: for each name that is taken, its directory is listed. About half a minute. */
const MOST_LOOKED = 50_000_000;
/** Of those that anybody could work out again. */
const MOST_LISTED = 10_000;

/** A longer one is left as it is: each of its components is looked up by its whole path. */
const LONGEST_TARGET = 1024;

const TAKEN = ['EEXIST', 'EISDIR'];

/**
 * What the entries of an archive are called on disk, where that is not their name in it: because this file system takes
 * two names for one (capitals, accents), or cannot hold a name. Nobody knows that beforehand: each name is tried, and no
 * entry ever takes the place of another. A name that is taken gets a number, `Readme~2`; one that is not possible gets
 * `%` and two hex digits for what is in the way. The offline page does the same.
 */
export class LocalNames {
  readonly #platform: NodeJS.Platform;
  /** By path in the archive, where `localName` does not say it. */
  readonly #names = new Map<ByteString, { local: ByteString; place: ByteString }>();
  /** Where they lie. */
  readonly #places = new Set<ByteString>();
  readonly #listed = new Map<ByteString, ByteString>();
  /** The last number that a name was given. */
  readonly #numbers = new Map<string, number>();
  #characters = 0;
  #looked = 0;
  /** Whether this file system takes two names for one; tried when it first matters. */
  #folds: boolean | undefined;

  constructor(platform: NodeJS.Platform = process.platform) {
    this.#platform = platform;
  }

  /** What the last component of that path is called on disk. */
  of(path: ByteString): ByteString {
    return (
      (this.#names.size === 0 ? undefined : this.#names.get(path)?.local) ??
      localName(parted(path).name, this.#platform)
    );
  }

  /** Whether the entry lies under a name that no other could have. */
  has(path: ByteString): boolean {
    return this.#names.has(path);
  }

  /** Whether what lies at that place is the entry of that path, and not one whose name only leads there. */
  isAt(path: ByteString, place: ByteString): boolean {
    return this.has(path) || this.#isOwn(place);
  }

  /**
   * Makes an entry below `directory`, under the first name that is possible and free.
   *
   * @param make throws an error of `node:fs`, `EEXIST` where something is in that place
   * @param isTwice what is wrong where the archive has that path already
   * @throws DepotError 'archive-refused', and what `make` throws
   */
  make<T>(path: ByteString, directory: ByteString, make: (place: ByteString) => T, isTwice?: string): T {
    const twice = () => refused(isTwice ?? `an entry's name is taken by an earlier one: ${shown(toBytes(path))}`);
    if (this.#names.has(path)) throw twice();
    const { name } = parted(path);
    let refusal: unknown;
    for (const spelling of spellings(name, this.#platform)) {
      for (let local = spelling; ; ) {
        const place = join(directory, local);
        try {
          const made = make(place);
          if (local !== name) this.#note(path, place, local);
          return made;
        } catch (error) {
          const code = errnoOf(error);
          if (NOT_POSSIBLE.includes(code)) {
            refusal ??= error;
            break;
          }
          if (!TAKEN.includes(code)) throw error;
          if (local === name && this.#isOwn(place)) throw twice();
          local = `${spelling}~${this.#number(join(directory, spelling))}` as ByteString;
        }
      }
    }
    throw refusal;
  }

  /** The entry is gone. */
  forget(path: ByteString): void {
    this.#listed.delete(path);
    const name = this.#names.get(path);
    if (name === undefined) return;
    this.#names.delete(path);
    this.#places.delete(name.place);
    this.#characters -= path.length + name.local.length;
  }

  /** The target of a symlink, so that it leads to the same entry where that has another name here. */
  target(path: ByteString, target: ByteString): ByteString {
    if ((this.#names.size === 0 && this.#platform !== 'win32') || target.startsWith('/')) return target;
    if (target.length > LONGEST_TARGET) return target;
    const at = path.split('/').slice(0, -1);
    const parts = target.split('/');
    for (const [i, part] of parts.entries()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        // Outside, the names are not ours.
        if (at.pop() === undefined) return target;
        continue;
      }
      at.push(part);
      parts[i] = this.of(at.join('/') as ByteString);
    }
    return parts.join('/') as ByteString;
  }

  /** Says which entries lie under other names. */
  tell(warnings: Warnings): void {
    const all = [...[...this.#names].map(([path, { local }]) => [path, local] as const), ...this.#listed];
    for (const [path, local] of all)
      warnings.add(`saved under another name: ${shown(toBytes(path), oneWord)} as ${shown(toBytes(local), oneWord)}`);
  }

  /** Whether what is there was made under this very name. A listing takes longer the more there is, so only where it can tell anything. */
  #isOwn(place: ByteString): boolean {
    if (this.#places.has(place)) return false;
    this.#folds ??= folds(parted(place).directory);
    return !this.#folds || this.#isListed(place);
  }

  /** Whether the directory has this very name, and not only one that leads to the same file. */
  #isListed(place: ByteString): boolean {
    const { directory, name } = parted(place);
    // As a byte string is: each byte a character.
    const listing = readdirSync(onDisk(directory), 'latin1');
    if ((this.#looked += listing.length) > MOST_LOOKED) throw tooMany();
    return (listing as ByteString[]).includes(name);
  }

  #note(path: ByteString, place: ByteString, local: ByteString): void {
    if (local === localName(parted(path).name, this.#platform)) {
      if (this.#listed.size >= MOST_LISTED) return;
      this.#listed.set(path, local);
      this.#places.add(place);
      return;
    }
    this.#characters += path.length + local.length;
    if (this.#characters > MOST_CHARACTERS) throw tooMany();
    this.#names.set(path, { local, place });
    this.#places.add(place);
  }

  #number(place: ByteString): number {
    const key = (toText(place) ?? place).normalize('NFC').toLowerCase();
    const number = (this.#numbers.get(key) ?? 1) + 1;
    if (this.#numbers.size >= MOST_TAKEN || number > MOST_TAKEN) throw tooMany();
    this.#numbers.set(key, number);
    return number;
  }
}

/** The name as it is here; then ever less of it that a file system could refuse. */
function* spellings(name: ByteString, platform: NodeJS.Platform): Generator<ByteString, void> {
  const own = localName(name, platform);
  const careful = localName(name, 'win32');
  const plain = fromText(
    Array.from(toBytes(careful), (byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9%._ ()~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    }).join(''),
  );
  const short = fromText(
    `${plain.slice(0, 60)}~${createHash('sha256').update(toBytes(name)).digest('hex').slice(0, 16)}`,
  );
  yield* new Set([own, careful, plain, short]);
}

/** Whether names in this directory, and in those below it, may be one although they differ. */
function folds(directory: ByteString): boolean {
  const name = `.depot-${randomBytes(8).toString('hex')}-\u00e9A`;
  const place = join(directory, fromText(name));
  try {
    closeSync(openSync(onDisk(place), 'wx', 0o600));
  } catch {
    // Not even that name is possible here.
    return true;
  }
  try {
    return [name.normalize('NFD'), name.toLowerCase(), name.toUpperCase()].some(
      (other) => lstatSync(onDisk(join(directory, fromText(other))), { throwIfNoEntry: false }) !== undefined,
    );
  } finally {
    unlinkSync(onDisk(place));
  }
}

function tooMany(): Error {
  return refused('the archive holds too many names that are not possible, or taken, on this file system');
}
