import { closeSync, openSync, readSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fromText, type ByteString } from '../bytestring.js';
import { UnnamedFile } from '../extract/spool.js';
import { onDisk } from '../extract/on-disk.js';
import { escaped } from '../chain/lines.js';
import type { Warnings } from '../extract/warnings.js';
import type { Gap } from './make-files.js';
import type { Tree } from './place.js';
import { INCOMPLETE, type Change, type Make } from './plan.js';
import { append, type RecordFile } from './record-file.js';

export interface Salvage {
  /** Numbers of suitcases that cannot be had. */
  missing: readonly number[];
  /** The ids of all deposits of the chain, by their numbers. */
  depositIds: readonly string[];
  /** As a receipt of the night has it. */
  entriesOfNight?: number | undefined;
}

/** Of the entries that are known. */
export interface Incomplete {
  withMissingBytes: number;
  /** Of which every byte is there that was known last. */
  maybeOutdated: number;
}

/** What became of the gaps: a list for people and programs. */
export const GAPS = 'gaps.txt';
const HEAD = `# What is not, or may not be, as it was. Its name here ends in ${INCOMPLETE}, or in ${INCOMPLETE}-2 and so on where that is taken.
# PATH OFFSET LENGTH DEPOSIT   LENGTH bytes from OFFSET on are zeros here: they are in the suitcase of that deposit
# PATH after DEPOSIT           as it was after that deposit; a missing suitcase may have changed or removed it since
# PATH as PATH                 a hard link to a file that has a line of its own here
# PATH without PATH            a hard link to a file that is not here
# In names, bytes other than letters, digits and a few signs are \\0 and three octal digits.
`;
const FLUSH = 65_536;

/** Marks a file that was put together with gaps. */
export function setIncomplete(place: ByteString): void {
  renameSync(onDisk(place), onDisk((place + INCOMPLETE) as ByteString));
}

/** The true account of a dataset of which parts are missing. Grows on disk only. */
export class Account {
  readonly incomplete: Incomplete = { withMissingBytes: 0, maybeOutdated: 0 };
  /** Where the files lie that hard links lead to, null for nowhere: a small record in memory for each. */
  readonly #targets = new Map<ByteString, ByteString | null>();
  /** Those of them that lack bytes. */
  readonly #lacking = new Set<ByteString>();
  readonly #salvage: Salvage;
  readonly #file: UnnamedFile;
  #waiting = '';

  constructor(directory: string, salvage: Salvage) {
    this.#salvage = salvage;
    this.#file = new UnnamedFile(fromText(directory));
  }

  gap({ path, offset, length, night }: Gap): void {
    this.#line(`${escaped(path)} ${offset} ${length} ${this.#salvage.depositIds[night]!}`);
  }

  /** Puts what is whole in its place, but for symlinks. */
  placeWhole(tree: Tree, changes: RecordFile<Change>): void {
    for (const { make } of changes.records()) if (make?.kind === 'link') this.#targets.set(make.target, make.target);
    for (const change of changes.records()) {
      const { path, make } = change;
      if (make === null) continue;
      if (make.kind === 'link' && !tree.hasFile(make.target)) this.#targets.set(make.target, null);
      if (this.#isWhole(tree, change, make)) {
        if (make.kind !== 'symlink') tree.make(path, make);
      } else if (this.#targets.has(path)) this.#targets.set(path, null);
    }
  }

  /** The rest, once everything else is there: so nothing takes the name of what is whole. Symlinks last. */
  placeIncomplete(tree: Tree, changes: RecordFile<Change>, warnings: Warnings): void {
    const warn = warnings.add.bind(warnings);
    for (const change of changes.records()) {
      const { path, make, unsureSince } = change;
      if (unsureSince !== undefined) this.#line(`${escaped(path)} after ${this.#salvage.depositIds[unsureSince]!}`);
      if (make !== null && make.kind !== 'symlink' && !this.#isWhole(tree, change, make))
        this.#placeIncomplete(tree, path, make, warn);
    }
    for (const { path, make } of changes.records())
      if (make?.kind === 'symlink') this.#placeIncomplete(tree, path, make, warn);
  }

  /** Writes the list into a directory. `entries`: how many are known. */
  write(directory: string, entries: number): void {
    this.#flush();
    const fd = openSync(path.join(directory, GAPS), 'wx', 0o644);
    try {
      writeFileSync(fd, this.#summary(entries) + HEAD);
      const buffer = Buffer.allocUnsafe(FLUSH);
      for (let position = 0; ; ) {
        const read = readSync(this.#file.fd, buffer, 0, FLUSH, position);
        if (read === 0) return;
        for (let at = 0; at < read; ) at += writeSync(fd, buffer, at, read - at);
        position += read;
      }
    } finally {
      closeSync(fd);
    }
  }

  /** May be called again. */
  close(): void {
    this.#file.close();
  }

  #placeIncomplete(tree: Tree, path: ByteString, make: Make, warn: (message: string) => void): void {
    const found = make.kind === 'link' ? this.#found(path, make) : make;
    const lacksBytes =
      make.kind === 'link'
        ? found === null || this.#lacking.has(make.target)
        : make.kind === 'made' && !tree.isWhole(make.id);
    this.incomplete[lacksBytes ? 'withMissingBytes' : 'maybeOutdated']++;
    if (lacksBytes && this.#targets.has(path)) this.#lacking.add(path);
    if (found === null) return;
    const name = tree.makeIncomplete(path, found, warn);
    if (this.#targets.has(path)) this.#targets.set(path, name);
  }

  /** Counts that agree must not look as if all were here: what only a missing suitcase names, nobody can count. */
  #summary(entries: number): string {
    const { entriesOfNight: stated, missing } = this.#salvage;
    const { withMissingBytes, maybeOutdated } = this.incomplete;
    const whole = entries - withMissingBytes - maybeOutdated;
    const night =
      stated === undefined
        ? 'No receipt here says how many entries this night has'
        : `This night has ${stated} entries, says its receipt`;
    const lost =
      missing.length === 0
        ? ''
        : '# A file that only a missing suitcase holds is not here, and nothing here names it, even if these numbers agree.\n';
    return `# ${night}.
# Known here: ${entries}; ${whole} whole, ${withMissingBytes} with missing bytes, ${maybeOutdated} perhaps out of date.
${lost}#
`;
  }

  /** A hard link to what its target is called here. */
  #found(path: ByteString, link: Make & { kind: 'link' }): Make | null {
    const target = this.#targets.get(link.target) ?? null;
    this.#line(`${escaped(path)} ${target === null ? 'without' : 'as'} ${escaped(link.target)}`);
    return target === null ? null : { ...link, target };
  }

  /** The same before it is placed and after. */
  #isWhole(tree: Tree, { unsureSince }: Change, make: Make): boolean {
    if (unsureSince !== undefined) return false;
    if (make.kind === 'made') return tree.isWhole(make.id);
    return make.kind !== 'link' || this.#targets.get(make.target) === make.target;
  }

  #line(line: string): void {
    this.#waiting += `${line}\n`;
    if (this.#waiting.length >= FLUSH) this.#flush();
  }

  #flush(): void {
    append(this.#file.fd, this.#waiting);
    this.#waiting = '';
  }
}
