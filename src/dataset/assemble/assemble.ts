import { closeSync, mkdirSync, renameSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { MANIFEST_PATH } from '../manifest.js';
import { PIECES_PATH, RANGES_PATH } from '../../names/archive.js';
import { fromText } from '../bytestring.js';
import { errnoOf, extractError } from '../extract/errors.js';
import type { BlockWriter } from '../extract/file-writer.js';
import { makeSymlinks, settleDirectories } from '../extract/finish.js';
import { LocalNames } from '../extract/local-names.js';
import { removeExtracted } from '../extract/remove.js';
import { Warnings } from '../extract/warnings.js';
import { DATA_PREFIX } from '../chain/line.js';
import { NightManifest } from '../chain/night-manifest.js';
import { SourceOrder } from '../chain/order.js';
import { FileMaker } from './make-files.js';
import { NightDirectories, type OpenObject } from './night-directories.js';
import { madePlace, Tree } from './place.js';
import { Plan, type Wanted } from './plan.js';
import { RangesReader, wholeObject, type Range } from './ranges.js';
import { Account, type Incomplete, setIncomplete, type Salvage } from './salvage.js';
import { storedIn } from './record-file.js';
import type { CountedNight, NightLimits } from './tally.js';

export interface AssembleOptions extends NightLimits {
  /** Holds the full deposit as it was extracted, without its symlinks, and with its directories open. */
  directory: string;
  /** Inside of it: holds each increment likewise, in a directory of its number, and nothing else. Removed at the end. */
  work: string;
  increments: number;
  /** Of `chain.json`. */
  sources: readonly string[];
  /** Where suitcases are missing, but never the last: what can be had all the same. */
  salvage?: Salvage;
  /** By directory: what its entries are called there, where the extractor did not give them their own names. */
  names?: ReadonlyMap<string, LocalNames>;
  /** What could not be restored, as the extractor says it. */
  warn: (message: string) => void;
  /** Bytes of finished files so far. */
  progress: (bytes: number) => void;
  /** Writes the blocks of large files; here when left out. */
  large?: BlockWriter;
}

export interface Assembled extends CountedNight {
  /** Entries that are not, or perhaps not, what the night had: under their names with `.incomplete`. */
  incomplete: Incomplete;
}

/**
 * Makes the dataset of the last night, in place of the full deposit's: what did not change stays where it is. First every
 * file is made that consists of pieces of others, and checked against its digest; then the tree is changed; symlinks, and
 * the modes and times of directories come last, so that no path ever leads through a link.
 *
 * Synchronous: meant for a thread of its own. Throws `archive-refused`, `local-disk-full` and `local-not-writable`; then
 * the caller removes the directory.
 */
export function assemble(o: AssembleOptions): Assembled {
  const root = fromText(o.directory);
  try {
    return assembled(o);
  } catch (error) {
    throw extractError(error, root);
  }
}

function assembled(o: AssembleOptions): Assembled {
  const missing = new Set(o.salvage?.missing);
  const places = [o.directory, ...Array.from({ length: o.increments }, (_, i) => path.join(o.work, String(i + 1)))];
  const names = places.map((place) => o.names?.get(place) ?? new LocalNames());
  const nights = new NightDirectories(
    places.map((place, night) => (missing.has(night) ? null : place)),
    names,
  );
  const plan = new Plan(fromText(o.directory), missing);
  const account = o.salvage === undefined ? null : new Account(o.directory, o.salvage);
  try {
    const night = planFrom(plan, nights, o);
    const made = path.join(o.work, 'made');
    mkdirSync(made, { mode: 0o700 });
    const warnings = new Warnings(o.warn);
    makeFiles(plan, nights, { made, account, warnings }, o);
    nights.close();
    if (missing.has(0)) mkdirSync(path.join(o.directory, DATA_PREFIX));
    const tree = new Tree(o.directory, nights, made);
    tree.clear(plan.changes.records());
    if (account !== null) account.placeWhole(tree, plan.changes);
    else
      for (const { path, make } of plan.changes.records())
        if (make !== null && make.kind !== 'symlink') tree.make(path, make);
    const finished = [plan.deferred, fromText(o.directory), names[0]!, warnings] as const;
    makeSymlinks(...finished);
    account?.placeIncomplete(tree, plan.changes, warnings);
    takeNewest(o);
    account?.write(path.join(o.directory, 'DEPOT'), night.entries);
    settleDirectories(...finished);
    return { ...night, incomplete: account?.incomplete ?? { withMissingBytes: 0, maybeOutdated: 0 } };
  } finally {
    nights.close();
    plan.close();
    account?.close();
  }
}

function planFrom(plan: Plan, nights: NightDirectories, o: AssembleOptions): CountedNight {
  const { increments, sources } = o;
  const order = new SourceOrder(sources.map(fromText));
  const open: OpenObject[] = [];
  try {
    const manifests: NightManifest[] = [];
    for (let night = 0; night <= increments; night++) {
      if (!nights.has(night)) continue;
      const manifest = nights.openOwn(night, MANIFEST_PATH);
      open.push(manifest);
      manifests.push(new NightManifest(storedIn(manifest.fd), night, order));
    }
    return plan.fill(manifests, o);
  } finally {
    for (const { fd } of open) closeSync(fd);
  }
}

function makeFiles(
  plan: Plan,
  nights: NightDirectories,
  { made, account, warnings }: { made: string; account: Account | null; warnings: Warnings },
  o: AssembleOptions,
): void {
  let bytes = 0;
  const maker = new FileMaker(
    nights,
    o.large,
    (more) => o.progress((bytes += more)),
    (gap) => account?.gap(gap),
  );
  const make = (wanted: Wanted, ranges: Iterable<Range>): void => {
    const place = madePlace(fromText(made), wanted.id);
    try {
      const { kept, isWhole } = maker.make(wanted, ranges, place);
      warnings.kept(kept);
      if (!isWhole) setIncomplete(place);
    } catch (error) {
      throw extractError(error, wanted.path);
    }
  };
  for (const [night, list] of plan.ranges) {
    const { fd } = nights.openOwn(night, RANGES_PATH);
    try {
      const reader = new RangesReader(storedIn(fd), night);
      for (const wanted of list.records()) make(wanted, reader.of(wanted.number));
    } finally {
      closeSync(fd);
    }
  }
  for (const wanted of plan.copies.records()) {
    const { night, object, size } = wanted;
    make(wanted, wholeObject(wanted, nights.has(night) ? nights.open(night, object).size : size));
  }
}

/** Of `DEPOT/`, the newest suitcase's stays, without what its files were made of. */
function takeNewest({ directory, work, increments }: AssembleOptions): void {
  const newest = path.join(work, String(increments));
  for (const own of [PIECES_PATH, RANGES_PATH]) {
    try {
      unlinkSync(path.join(newest, own));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  removeExtracted(path.join(directory, 'DEPOT'));
  renameSync(path.join(newest, 'DEPOT'), path.join(directory, 'DEPOT'));
  removeExtracted(work);
}
