import { closeSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fromText, type ByteString } from '../bytestring.js';
import { UnnamedFile } from '../extract/spool.js';
import { onDisk } from '../extract/parents.js';
import { escaped } from '../increment/lines.js';
import type { Gap } from './make-files.js';
import type { Tree } from './place.js';
import { INCOMPLETE, incompletePath, type Change, type Make } from './plan.js';
import type { RecordFile } from './record-file.js';

export interface Salvage {
  /** Numbers of suitcases that cannot be had. */
  missing: readonly number[];
  /** The ids of all deposits of the chain, by their numbers. */
  depositIds: readonly string[];
}

/** What became of the gaps: a list for people and programs. */
export const GAPS = 'gaps.txt';
const HEAD = `# What is not, or perhaps not, as it was: its name here ends in ${INCOMPLETE}.
# PATH OFFSET LENGTH DEPOSIT   so many bytes from there on are zeros here: they lie in the suitcase of that deposit
# PATH after DEPOSIT           as it was after that deposit; a missing suitcase may have changed or removed it since
# PATH without PATH            a hard link to a file that is not here
# Other bytes in a name than letters, digits and a few signs are \\0 and three octal digits.
`;
const FLUSH = 65_536;

/** Marks a file that was put together with gaps. */
export function setIncomplete(place: ByteString): void {
  renameSync(onDisk(place), onDisk((place + INCOMPLETE) as ByteString));
}

/** The true account of a dataset of which parts are missing. Grows on disk only. */
export class Account {
  incomplete = 0;
  readonly #salvage: Salvage;
  readonly #file: UnnamedFile;
  #waiting = HEAD;

  constructor(directory: string, salvage: Salvage) {
    this.#salvage = salvage;
    this.#file = new UnnamedFile(fromText(directory));
  }

  gap({ path, offset, length, night }: Gap): void {
    this.#line(`${escaped(path)} ${offset} ${length} ${this.#salvage.depositIds[night]!}`);
  }

  /** Puts all in their places: first what is whole, so that nothing takes the name of a whole file. */
  place(tree: Tree, changes: RecordFile<Change>): void {
    for (const change of changes.records())
      if (change.make !== null && isWhole(tree, change, change.make)) tree.make(change.path, change.make);
    for (const change of changes.records()) {
      const { path, make, unsureSince } = change;
      if (unsureSince !== undefined) this.#line(`${escaped(path)} after ${this.#salvage.depositIds[unsureSince]!}`);
      // A symlink gets its name at the end.
      if (make === null) this.incomplete += unsureSince === undefined ? 0 : 1;
      else if (!isPlaced(tree, change, make)) this.#placeIncomplete(tree, path, make);
    }
  }

  /** Writes the list into a directory. */
  write(directory: string): void {
    this.#flush();
    const fd = openSync(path.join(directory, GAPS), 'wx', 0o644);
    try {
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

  #placeIncomplete(tree: Tree, path: ByteString, make: Make): void {
    this.incomplete++;
    if (make.kind !== 'link') tree.makeIncomplete(path, make);
    else {
      const target = [make.target, incompletePath(make.target)].find((one) => tree.hasFile(one));
      if (target === undefined) this.#line(`${escaped(path)} without ${escaped(make.target)}`);
      else tree.makeIncomplete(path, { ...make, target });
    }
  }

  #line(line: string): void {
    this.#waiting += `${line}\n`;
    if (this.#waiting.length >= FLUSH) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.from(this.#waiting, 'latin1');
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file.fd, bytes, at, bytes.length - at, null);
    this.#waiting = '';
  }
}

function isWhole(tree: Tree, { unsureSince }: Change, make: Make): boolean {
  if (unsureSince !== undefined) return false;
  return make.kind === 'made' ? tree.isWhole(make.id) : make.kind !== 'link' || tree.hasFile(make.target);
}

/** Whether the first round put it in its place. */
function isPlaced(tree: Tree, { path, unsureSince }: Change, make: Make): boolean {
  return unsureSince === undefined && (make.kind === 'directory' || tree.hasFile(path));
}
