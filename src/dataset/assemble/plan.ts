import { join, type ByteString } from '../bytestring.js';
import { parted } from '../extract/on-disk.js';
import { Spool } from '../extract/spool.js';
import type { NightEntry } from '../chain/line.js';
import { mergeNights, type Fate } from '../chain/merge.js';
import type { NightManifest } from '../chain/night-manifest.js';
import { RecordFile } from './record-file.js';
import { type CountedNight, type NightLimits, Tally } from './tally.js';

/** Put behind the name of a file that is not, or perhaps not, what the night had. */
export const INCOMPLETE = '.incomplete';

/** What most file systems give a name, less a number behind the ending. */
const LONGEST = 250;

/** The path under which such a file goes, or the `number`-th that does not exist yet; a long name is cut. */
export function incompletePath(path: ByteString, number = 1): ByteString {
  const ending = INCOMPLETE + (number === 1 ? '' : `-${number}`);
  const { directory, name } = parted(path);
  let length = Math.min(name.length, LONGEST - ending.length);
  // Not within a character of UTF-8.
  while (length > 0 && length < name.length && (name.charCodeAt(length) & 0xc0) === 0x80) length--;
  return join(directory, (name.slice(0, length) + ending) as ByteString);
}

/** A file that must be made of what lies elsewhere: `made/<id>` until it gets its place. */
export interface Wanted {
  id: number;
  path: ByteString;
  size: number;
  sha256: string;
  mode: number;
  /** Nanoseconds, as a text for JSON. */
  mtime: string;
}

/** All of an object. */
export interface WantedCopy extends Wanted {
  night: number;
  object: ByteString;
}

/** The N-th file of some ranges. */
export interface WantedRanges extends Wanted {
  number: number;
}

/** What becomes of one path on disk. */
export interface Change {
  path: ByteString;
  /** What lies there of the full deposit and must go. */
  clear: 'file' | 'directory' | null;
  make: Make | null;
  /** The night that says so, where a missing suitcase may have changed it since. */
  unsureSince?: number;
}

export type Make =
  | { kind: 'directory' }
  /** From the directory of that night. */
  | { kind: 'stored'; night: number }
  /** Where the full deposit has it. */
  | { kind: 'there' }
  | { kind: 'made'; id: number }
  /** Only where it is unsure: all others are `deferred`. */
  | { kind: 'symlink'; target: ByteString; mtime: string }
  | { kind: 'link'; target: ByteString; mtime: string };

/** What a merge of the manifests says, on disk and in the order of the walk. */
export class Plan {
  readonly changes: RecordFile<Change>;
  readonly copies: RecordFile<WantedCopy>;
  /** By the night whose ranges they are; made when needed. */
  readonly ranges = new Map<number, RecordFile<WantedRanges>>();
  /** Symlinks, and the modes and times of directories: for the end. */
  readonly deferred: Spool;
  readonly #directory: ByteString;
  #ids = 0;
  readonly #lastMissing: number;

  /**
   * `directory`: where its files lie, without names. `missing`: nights without a suitcase, of which nothing is known; what
   * an earlier night says may be outdated then.
   */
  constructor(directory: ByteString, missing: ReadonlySet<number> = new Set()) {
    this.#directory = directory;
    this.#lastMissing = Math.max(-1, ...missing);
    this.changes = new RecordFile(directory);
    this.copies = new RecordFile(directory);
    this.deferred = new Spool(directory);
  }

  /** @throws DepotError 'archive-refused', and what the limits say */
  fill(manifests: readonly NightManifest[], limits: NightLimits): CountedNight {
    const newest = manifests.at(-1)!;
    const tally = new Tally(newest.random, limits);
    for (const fate of mergeNights(manifests, this.#lastMissing >= 0)) {
      if (fate.final !== null) tally.add(fate.final);
      this.#add(fate);
    }
    return tally.night(newest);
  }

  close(): void {
    for (const list of [this.changes, this.copies, this.deferred, ...this.ranges.values()]) list.close();
  }

  #add({ path, first, final }: Fate): void {
    const isUnsure = final !== null && final.type !== 'directory' && final.night < this.#lastMissing;
    if (final !== null && !isUnsure) this.#defer(path, final);
    const stays = final !== null && (final.night === 0 || (first?.type === 'directory' && final.type === 'directory'));
    // Symlinks are made at the end, so none of the full deposit is there yet.
    const goes = !stays || (isUnsure && final.type === 'hardlink');
    const there = first === null || first.type === 'symlink' || !goes ? null : first.type;
    const make = final === null ? null : this.#made(path, final, stays, isUnsure);
    const clear = there === null ? null : there === 'directory' ? 'directory' : 'file';
    if (clear !== null || make !== null || isUnsure)
      this.changes.add({ path, clear, make, ...(isUnsure && { unsureSince: final.night }) });
  }

  #made(path: ByteString, final: NightEntry & { night: number }, stays: boolean, isUnsure: boolean): Make | null {
    if (isUnsure && final.type === 'symlink')
      return { kind: 'symlink', target: final.linkTarget!, mtime: String(final.mtimeNs) };
    if (!stays || final.type === 'hardlink') return this.#make(path, final);
    return isUnsure && final.type === 'file' ? { kind: 'there' } : null;
  }

  #defer(path: ByteString, { type, mode, mtimeNs, linkTarget }: NightEntry): void {
    if (type === 'symlink') this.deferred.add({ kind: type, path, mode: 0, mtimeNs, target: linkTarget! });
    // With the sticky bit: a directory that all may write to would be less safe without.
    else if (type === 'directory')
      this.deferred.add({ kind: type, path, mode: mode & 0o1777, mtimeNs, target: '' as ByteString });
  }

  #make(path: ByteString, final: NightEntry & { night: number }): Make | null {
    const { type, night, origin, linkTarget, mtimeNs } = final;
    if (type === 'directory') return { kind: 'directory' };
    if (type === 'symlink') return null;
    if (type === 'hardlink') return { kind: 'link', target: linkTarget!, mtime: String(mtimeNs) };
    if (origin.kind === 'entry' || origin.kind === 'parts') return { kind: 'stored', night };
    const wanted = this.#wanted(path, final);
    if (origin.kind === 'object') this.copies.add({ ...wanted, night: origin.night, object: origin.object });
    else this.#rangesOf(night).add({ ...wanted, number: origin.number });
    return { kind: 'made', id: wanted.id };
  }

  #wanted(path: ByteString, { size, sha256, mode, mtimeNs }: NightEntry): Wanted {
    return { id: ++this.#ids, path, size, sha256: sha256!, mode: mode & 0o777, mtime: String(mtimeNs) };
  }

  #rangesOf(night: number): RecordFile<WantedRanges> {
    let list = this.ranges.get(night);
    if (list === undefined) this.ranges.set(night, (list = new RecordFile(this.#directory)));
    return list;
  }
}
