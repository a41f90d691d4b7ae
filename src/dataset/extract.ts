import { closeSync, constants, copyFileSync, linkSync, lstatSync, lutimesSync, mkdirSync, openSync } from 'node:fs';
import type { DepotError } from '../errors.js';
import { fromBytes, fromText, toBytes, type ByteString } from './bytestring.js';
import { errnoOf, extractError, notBelowDirectory } from './extract/errors.js';
import { FileWriter, type BlockWriter } from './extract/file-writer.js';
import { finishTree, settleOpen, timestamp } from './extract/finish.js';
import { NO_HARD_LINKS } from './extract/links.js';
import { LocalNames } from './extract/local-names.js';
import { onDisk } from './extract/on-disk.js';
import { Parents } from './extract/parents.js';
import { Spool } from './extract/spool.js';
import { Warnings } from './extract/warnings.js';
import type { Hash } from '../primitives.js';
import { MANIFEST_PATH } from './manifest.js';
import { CHAIN_PATH, FIRST_ENTRY, isInterleaved, partName } from '../names/archive.js';
import { type EntrySink, type TarEntry, refused, shown } from './tar/format.js';

export interface ExtractorOptions {
  /** Exists, is empty, belongs to the caller alone (0700), and is reached through no path that others can change. */
  directory: string;
  /** Where a hard link cannot be made it becomes a copy, unless there would be more bytes of files than this. */
  maxBytes?: number;
  tooLarge?: () => DepotError;
  /** More entries are refused, or what `tooMany` says is thrown. Directories that only a path names count. */
  maxEntries?: number;
  tooMany?: () => DepotError;
  /** What could not be restored: names that are not possible here, links, modes and times on systems without. */
  warn: (message: string) => void;
  /** Learns what entries are called here, for whoever goes on with what is extracted. */
  names?: LocalNames;
  /** Writes the blocks of large files; here when left out. */
  large?: BlockWriter;
}

/** A file of several parts: they are appended as they come. */
interface Joined {
  path: ByteString;
  fd: number;
  size: number;
  parts: number;
  mode: number;
  mtimeNs: bigint;
}

const CREATE =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | ((constants.O_NOFOLLOW as number | undefined) ?? 0);
const FILE_MODE = 0o777;
/** With the sticky bit: a directory that all may write to would be less safe without. */
const DIRECTORY_MODE = 0o1777;
const NO_TARGET = '' as ByteString;
/** Files in parts that the manifest did not confirm yet: one per source of unknown length. */
const MAX_UNCONFIRMED = 1000;

/**
 * Writes the entries of an archive below a directory. Paths are canonical, as `TarReader` gives them. Files are made
 * exclusively and as they come, a hard link at once, to an earlier file. Symlinks are made when all else is there and
 * right (`finish`), and directories get their modes and times last: until then every directory is a real one that was
 * made here, and no path leads out. `Parents` looks that up on disk, for links, modes and times too. A file gets its
 * mode and time through its descriptor.
 *
 * Modes are restored without set-user-id and set-group-id, times to the microsecond (see `timestamp`), owners not at
 * all. Runs of zeros become holes. Memory grows with the depth of the tree, not with the number of entries.
 *
 * In an archive made by depot, files in parts are joined as they come; the manifest must confirm each (`joined`), and
 * its own parts become `DEPOT/manifest.ndjson`. An increment has more such files, whose parts alternate.
 *
 * Synchronous: meant for a thread of its own. Throws `archive-refused`, `local-disk-full` and `local-not-writable`;
 * then call `discard`, and remove the directory (`removeExtracted`).
 */
export class Extractor implements EntrySink {
  readonly #options: ExtractorOptions;
  readonly #root: ByteString;
  readonly #spool: Spool;
  readonly #writer: FileWriter;
  #fromDepot: boolean | undefined;
  #entries = 0;
  #bytes = 0;
  #path = '' as ByteString;
  readonly #names: LocalNames;
  #open: { fd: number; left: number; mode: number; mtimeNs: bigint; joined: Joined | null } | null = null;
  /** Above the last entry: made where they are not there. */
  readonly #parents: Parents;
  /** Above the last file that a hard link points to. */
  readonly #linked: Parents;
  /** The manifest, and in an increment other parts between all entries, by what they join to. */
  readonly #between = new Map<ByteString, Joined>();
  #isIncrement = false;
  #seen = 0;
  #series: Joined | null = null;
  readonly #unconfirmed = new Map<ByteString, number>();
  readonly #warnings: Warnings;
  #isDigested = false;

  constructor(options: ExtractorOptions) {
    this.#options = options;
    this.#warnings = new Warnings(options.warn);
    this.#names = options.names ?? new LocalNames();
    this.#root = fromText(options.directory);
    this.#writer = new FileWriter(options.large);
    this.#parents = new Parents(this.#root, this.#names, (path, directory) => {
      // One entry with a deep path makes many.
      if (this.#makeDirectory(path, directory)) this.#count();
      return true;
    });
    this.#linked = new Parents(this.#root, this.#names);
    try {
      this.#spool = new Spool(this.#root);
    } catch (error) {
      throw extractError(error, this.#root);
    }
  }

  begin(entry: TarEntry): void {
    const path = fromBytes(entry.path);
    this.#path = path;
    this.#isDigested = false;
    this.#fromDepot ??= path === FIRST_ENTRY;
    this.#bytes += entry.size;
    this.#count();
    if (this.#seen++ === 1 && this.#fromDepot) this.#isIncrement = path === (CHAIN_PATH as string);
    const part = this.#fromDepot ? partName(path) : null;
    try {
      if (part !== null) {
        this.#beginPart(entry, part.joined, part.number);
        return;
      }
      this.#closeSeries();
      this.#make(entry, path);
    } catch (error) {
      throw extractError(error, part?.joined ?? path);
    }
  }

  data(bytes: Uint8Array): void {
    const file = this.#open;
    if (file === null) return;
    file.left -= bytes.length;
    try {
      this.#writer.write(bytes, file.left === 0);
    } catch (error) {
      throw extractError(error, this.#path);
    }
  }

  end(): void {
    const file = this.#open;
    if (file === null) return;
    try {
      const size = this.#writer.finish();
      this.#open = null;
      if (file.joined === null) this.#warnings.kept(settleOpen(file));
      else file.joined.size = size;
    } catch (error) {
      throw extractError(error, this.#path);
    }
  }

  /** Between `begin` and `data` of an entry: the digest of it, which is there after `end`; null when there is none. */
  digest(): Hash | null {
    return this.#isDigested ? { update: () => undefined, hex: () => this.#writer.sha256 } : null;
  }

  /** The manifest names a file in this many parts: it may stay joined. */
  joined(path: ByteString, parts: number): void {
    if (this.#fromDepot !== true) return;
    if (this.#series?.path === path) this.#closeSeries();
    const between = this.#between.get(path);
    if (between?.parts === parts) {
      this.#closeBetween(between);
      return;
    }
    if (this.#unconfirmed.get(path) !== parts)
      throw refused(`the manifest joins parts that the archive does not hold: ${shown(toBytes(path))}`);
    this.#unconfirmed.delete(path);
  }

  /** The whole archive was read to its end: every file is there. */
  allRead(): void {
    try {
      this.#closeSeries();
      const manifest = this.#between.get(MANIFEST_PATH as ByteString);
      if (manifest !== undefined) this.#closeBetween(manifest);
      for (const path of [...this.#unconfirmed.keys(), ...this.#between.keys()])
        throw refused(`the manifest does not join the parts of ${shown(toBytes(path))}`);
    } catch (error) {
      throw extractError(error, this.#root);
    }
  }

  /** After `allRead`, once all was found authentic: makes symlinks, gives directories their modes and times. */
  finish(): void {
    try {
      finishTree(this.#spool, this.#root, this.#names, this.#warnings);
    } catch (error) {
      throw extractError(error, this.#root);
    } finally {
      this.discard();
    }
  }

  /** Closes what is open; what was written stays for the caller to remove. May be called again. */
  discard(): void {
    this.#writer.abandon();
    const between = [...this.#between.values()].map(({ fd }) => fd);
    for (const file of new Set([this.#open?.fd, this.#series?.fd, ...between])) {
      if (file !== undefined) closeSync(file);
    }
    this.#open = this.#series = null;
    this.#between.clear();
    this.#spool.close();
  }

  #make(entry: TarEntry, path: ByteString): void {
    // `./` is the directory that the caller made.
    if (path === '') return;
    const directory = this.#directoryOf(path);
    const { size, mtimeNs } = entry;
    switch (entry.type) {
      case 'file': {
        const fd = this.#create(path, directory);
        this.#open = { fd, left: size, mode: entry.mode & FILE_MODE, mtimeNs, joined: null };
        this.#isDigested = this.#writer.start(fd, 0, size, true);
        return;
      }
      case 'directory':
        if (!this.#makeDirectory(path, directory) && this.#fromDepot)
          throw refused(`a directory comes twice: ${shown(entry.path)}`);
        this.#spool.add({ kind: 'directory', path, mode: entry.mode & DIRECTORY_MODE, mtimeNs, target: NO_TARGET });
        return;
      case 'hardlink':
        this.#link(entry, path, directory);
        return;
      case 'symlink':
        this.#spool.add({ kind: 'symlink', path, mode: 0, mtimeNs, target: fromBytes(entry.linkTarget!) });
    }
  }

  #beginPart(entry: TarEntry, joined: ByteString, number: number): void {
    if (entry.type !== 'file') throw refused(`a part is not a file: ${shown(entry.path)}`);
    const isBetween = joined === MANIFEST_PATH || (this.#isIncrement && isInterleaved(joined));
    let file = isBetween ? this.#between.get(joined) : this.#series;
    if (number === 1 && file?.path !== joined) {
      if (!isBetween) this.#closeSeries();
      const fd = this.#create(joined, this.#directoryOf(joined));
      file = { path: joined, fd, size: 0, parts: 0, mode: entry.mode & FILE_MODE, mtimeNs: entry.mtimeNs };
      if (isBetween) this.#between.set(joined, file);
      else this.#series = file;
    }
    if (file?.path !== joined || number !== file.parts + 1)
      throw refused(`a part is out of order: ${shown(entry.path)}`);
    file.parts = number;
    this.#open = { fd: file.fd, left: entry.size, mode: file.mode, mtimeNs: file.mtimeNs, joined: file };
    this.#writer.start(file.fd, file.size, entry.size, false);
  }

  #closeBetween(file: Joined): void {
    this.#between.delete(file.path);
    this.#warnings.kept(settleOpen(file));
  }

  #closeSeries(): void {
    const series = this.#series;
    if (series === null) return;
    this.#series = null;
    this.#warnings.kept(settleOpen(series));
    if (this.#unconfirmed.size === MAX_UNCONFIRMED)
      throw refused('the archive holds too many files in parts that its manifest does not name');
    this.#unconfirmed.set(series.path, series.parts);
  }

  #create(path: ByteString, directory: ByteString): number {
    return this.#names.make(path, directory, (place) => openSync(onDisk(place), CREATE, 0o600));
  }

  /** False when it was there already. In an archive made by depot none is: there, what is found has another name. */
  #makeDirectory(path: ByteString, directory: ByteString): boolean {
    if (this.#names.has(path)) return false;
    const make = (place: ByteString): boolean => {
      try {
        mkdirSync(onDisk(place));
        return true;
      } catch (error) {
        const isThere = errnoOf(error) === 'EEXIST' && lstatSync(onDisk(place)).isDirectory();
        if (isThere && (!this.#fromDepot || this.#names.isAt(path, place))) return false;
        throw error;
      }
    };
    return this.#names.make(path, directory, make, notBelowDirectory(path));
  }

  #link(entry: TarEntry, path: ByteString, directory: ByteString): void {
    const place = this.#linked.place(fromBytes(entry.linkTarget!));
    const target = place === null ? null : onDisk(place);
    const found = target === null ? undefined : lstatSync(target, { throwIfNoEntry: false });
    if (target === null || !found?.isFile())
      throw refused(
        `a hard link does not point to an earlier file: ${shown(entry.path)} to ${shown(entry.linkTarget!)}`,
      );
    this.#names.make(path, directory, (link) => {
      const where = onDisk(link);
      try {
        linkSync(target, where);
      } catch (error) {
        if (!NO_HARD_LINKS.includes(errnoOf(error))) throw error;
        this.#countCopy(found.size);
        copyFileSync(target, where, constants.COPYFILE_EXCL);
        lutimesSync(where, timestamp(entry.mtimeNs), timestamp(entry.mtimeNs));
      }
    });
  }

  /** The directory on disk that the entry goes to, below directories that are there and are real ones. */
  #directoryOf(path: ByteString): ByteString {
    return this.#parents.directoryOf(path)!;
  }

  #count(): void {
    const { maxEntries, tooMany } = this.#options;
    if (++this.#entries > (maxEntries ?? Infinity))
      throw tooMany?.() ?? refused(`the archive holds more than ${maxEntries ?? 0} entries`);
  }

  #countCopy(size: number): void {
    const { maxBytes, tooLarge } = this.#options;
    this.#bytes += size;
    if (this.#bytes > (maxBytes ?? Infinity))
      throw tooLarge?.() ?? refused(`the archive unfolds to more than ${maxBytes ?? 0} bytes`);
  }
}
