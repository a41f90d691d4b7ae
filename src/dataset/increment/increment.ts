import { createHash, hash } from 'node:crypto';
import { closeSync, fstatSync, lstatSync, type BigIntStats } from 'node:fs';
import type { Archive } from '../archive.js';
import { type ByteString, fromText, toPath } from '../bytestring.js';
import type { Chunk } from '../chunks.js';
import type { HardLinks } from '../hard-links.js';
import {
  changedWhileRead,
  endedEarly,
  openFile,
  type OpenFile,
  probe,
  readFully,
  readSizeless,
  type Watch,
} from '../open-file.js';
import { recordedMode } from '../mode.js';
import { shown } from '../reading.js';
import type { TarHeader } from '../tar/write.js';
import { GrowingFile } from './growing-file.js';
import type { LastEntries } from './last-entries.js';
import { objectOf, type LastNight } from './last-night.js';
import { escaped, lineWithoutContent, objectLine, rangesLine, removedLine } from '../chain/lines.js';
import { freshness, LARGE, type NightIndex } from './night-index.js';
import { follows } from './differences.js';
import { CHANGED, type IndexEntry, PAGES, type Range, REREAD } from './records.js';

const PIECES = fromText('DEPOT/pieces');
const RANGES = 'DEPOT/ranges';
const PART_BYTES = 4 << 20;
const exact = { bigint: true } as const;

export interface IncrementOptions {
  archive: Archive;
  last: LastNight;
  index: NightIndex;
  /** The names of the sources, in order. */
  sources: readonly string[];
  /** How many suitcases of the chain come before. */
  number: number;
  /** Reads every file, whatever its times say. */
  reread: boolean;
  hardLinks: HardLinks;
}

/** Entries of the dataset that are not as they were last night, for who reads what a push did. */
export interface Changes {
  /** New ones, and those with other contents, names, modes or times. */
  changed: number;
  removed: number;
}

/**
 * Packs what changed since last night (docs/format.md, section 12). The dataset is walked as for a full deposit; last
 * night's index is met in the same order, and tonight's is written.
 */
export class Increment {
  readonly changes: Changes = { changed: 0, removed: 0 };
  readonly #o: IncrementOptions;
  readonly #entries: LastEntries;
  readonly #pieces = new GrowingFile(PIECES, PART_BYTES);
  readonly #ranges = new GrowingFile(RANGES, PART_BYTES);
  readonly #objects = new Map<string, { number: number; end: number }>();
  #rangedFiles = 0;
  /** Files with several names that have a line tonight: so do their other names, as a shell puts a new file in place of the old. */
  readonly #linked = new Set<ByteString>();
  /** The directories above; those that have no entry yet get one before anything below them is named. */
  readonly #above: { header: TarHeader; isStored: boolean }[] = [];
  /** Files of up to `LARGE` bytes, and one byte more than they should have. */
  readonly #small = Buffer.allocUnsafeSlow(LARGE + 1);

  constructor(options: IncrementOptions) {
    this.#o = options;
    this.#entries = options.last.entries(options.sources);
  }

  /** A directory, whose contents come next; `leave` ends them. */
  *enter(header: TarHeader, stat: BigIntStats): Generator<Chunk, void> {
    const last = yield* this.#meet(header.path);
    this.#above.push({ header, isStored: false });
    if (last === null || !sameEntry(last, header)) {
      this.changes.changed++;
      yield* this.#storeAbove();
    }
    this.#o.index.addWithoutContent(header, stat);
    if (last !== null) this.#entries.met();
  }

  *leave(directory: ByteString): Generator<Chunk, void> {
    for (let gone = this.#entries.leftBelow(directory); gone !== null; gone = this.#entries.leftBelow(directory))
      yield* this.#remove(gone);
    this.#above.pop();
  }

  *symlink(header: TarHeader, stat: BigIntStats): Generator<Chunk, void> {
    const last = yield* this.#meet(header.path);
    if (last === null || !sameEntry(last, header)) {
      this.changes.changed++;
      yield* this.#storeAbove();
      yield* this.#o.archive.withoutContent(header);
    }
    this.#o.index.addWithoutContent(header, stat);
    if (last !== null) this.#entries.met();
  }

  *#hardLink(header: TarHeader, stat: BigIntStats): Generator<Chunk, void> {
    const last = yield* this.#meet(header.path);
    if (last === null || !sameEntry(last, header) || this.#linked.has(header.linkTarget!)) {
      this.changes.changed++;
      yield* this.#line(lineWithoutContent(header));
    }
    this.#o.index.addWithoutContent(header, stat);
    if (last !== null) this.#entries.met();
  }

  /** A regular file; as `packFile`. */
  *file(watch: Watch, file: ByteString, path: ByteString): Generator<Chunk, number | null> {
    const found = lstatSync(toPath(file), { ...exact, throwIfNoEntry: false });
    const last = this.#entries.is(path) ?? (yield* this.#meet(path));
    if (found !== undefined && last !== null && found.nlink === 1n && this.#isUnchanged(last, found)) {
      this.#o.index.keep(last, this.#entries);
      return last.size;
    }
    const fd = openFile(watch, file);
    if (fd === null) return null;
    try {
      const before = fstatSync(fd, exact);
      if (!before.isFile()) {
        watch.reading.changed(watch.source, file, 'is no longer a file; it is not in the dataset');
        return null;
      }
      const [size, mode] = [Number(before.size), recordedMode(before)];
      const header: TarHeader = { path, type: 'file', size, mode, mtimeNs: before.mtimeNs, linkTarget: null };
      const earlier = this.#o.hardLinks.earlier(before, path);
      if (earlier !== null) {
        yield* this.#hardLink({ ...header, type: 'hardlink', size: 0, linkTarget: earlier }, before);
        return size;
      }
      if (last !== null && this.#isUnchanged(last, before)) {
        this.#o.index.keep(last, this.#entries);
        return last.size;
      }
      const hasLine = yield* size > LARGE
        ? this.#largeFile({ fd, file, size, context: watch }, header, before, last)
        : this.#smallFile({ fd, file, size, context: watch }, header, before, last);
      if (hasLine && before.nlink > 1n) this.#linked.add(path);
      return header.size;
    } finally {
      closeSync(fd);
    }
  }

  #isUnchanged(last: IndexEntry, now: BigIntStats): boolean {
    return (
      last.type === 'file' &&
      !this.#o.reread &&
      (last.flags & (REREAD | CHANGED)) === 0 &&
      // Some file systems know no sizes: such a file has to be read.
      last.size > 0 &&
      last.size === Number(now.size) &&
      last.mtimeNs === now.mtimeNs &&
      last.ctimeNs === now.ctimeNs &&
      last.ino === BigInt.asUintN(64, now.ino) &&
      last.mode === recordedMode(now)
    );
  }

  /** Whether it has a line tonight. */
  *#smallFile(
    open: OpenFile,
    header: TarHeader,
    before: BigIntStats,
    last: IndexEntry | null,
  ): Generator<Chunk, boolean> {
    const readAtNs = BigInt(Date.now()) * 1_000_000n;
    const got = open.size === 0 ? 0 : readFully(open, this.#small, 0, open.size + 1);
    const content = (open.size === 0 ? readSizeless(open) : null) ?? this.#small.subarray(0, open.size);
    const short = got < open.size;
    if (short) {
      endedEarly(open);
      content.fill(0, got);
    }
    header.size = content.length;
    const isLonger = got > open.size;
    const changed = changedWhileRead(open, before, { short, longer: isLonger });
    const flags = (changed ? CHANGED | REREAD : 0) | freshness(before, readAtNs);
    const sha256 = hash('sha256', content, 'buffer');
    this.#sayIfHidden(open, before, last, sha256);

    const isSame = last?.type === 'file' && sha256.equals(last.sha256!);
    let place = isSame ? objectOf(last) : null;
    place ??= this.#o.last.fileWith(sha256);
    const hasLine = place === null || !isSame || !sameEntry(last, header) || changed !== ((last.flags & CHANGED) !== 0);
    const listed = { sha256: sha256.toString('hex'), parts: null, changed };
    if (place === null) {
      place = { night: this.#o.number, object: header.path };
      yield* this.#storeAbove();
      yield* this.#o.archive.stored(header, content);
      yield* this.#o.archive.list(header, listed);
    } else if (hasLine) yield* this.#line(objectLine(header, listed, place.night, place.object));
    if (hasLine) this.changes.changed++;
    this.#o.index.addFile(header, before, flags, sha256, place);
    if (last !== null) this.#entries.met();
    return hasLine;
  }

  *#largeFile(open: OpenFile, header: TarHeader, before: BigIntStats, last: IndexEntry | null): Generator<Chunk, true> {
    const readAtNs = BigInt(Date.now()) * 1_000_000n;
    const digest = createHash('sha256');
    const { index } = this.#o;
    index.openLarge(header, before, null);
    this.#beginRanges(last);
    let short = false;
    for (let left = header.size; left > 0; ) {
      const room = index.differences.room();
      const wanted = Math.min(left, room.length);
      const got = short ? 0 : readFully(open, room, 0, wanted);
      if (got < wanted) {
        if (!short) endedEarly(open);
        short = true;
        room.fill(0, got, wanted);
      }
      digest.update(room.subarray(0, wanted));
      open.context.reading.unlisted += wanted;
      open.context.reading.passed();
      yield* this.#differ(wanted);
      left -= wanted;
    }
    const longer = !short && readFully(open, probe, 0, 1) > 0;
    const changed = changedWhileRead(open, before, { short, longer });
    const sha256 = digest.digest();
    this.#sayIfHidden(open, before, last, sha256);
    const flags = (changed ? CHANGED | REREAD : 0) | freshness(before, readAtNs);
    yield* this.#endLarge(header, flags, sha256, last);
    return true;
  }

  /** What a command printed, or standard input: `header` without its size, which the content tells. */
  async *content(header: TarHeader, content: AsyncIterable<Uint8Array>): AsyncGenerator<Chunk, void> {
    const last = yield* this.#meet(header.path);
    const digest = createHash('sha256');
    const { index } = this.#o;
    let size = 0;
    index.openLarge(header, null, null);
    this.#beginRanges(last);
    for await (const bytes of content) {
      digest.update(bytes);
      size += bytes.length;
      for (let at = 0; at < bytes.length; ) {
        const room = index.differences.room();
        const piece = bytes.subarray(at, at + room.length);
        room.set(piece);
        yield* this.#differ(piece.length);
        at += piece.length;
      }
    }
    yield* this.#endLarge({ ...header, size }, REREAD, digest.digest(), last);
  }

  #beginRanges(last: IndexEntry | null): void {
    this.#rangedFiles++;
    this.#ranges.addText(`> ${this.#rangedFiles}\n`);
    this.#objects.clear();
    const near = last !== null && (last.flags & PAGES) !== 0 ? this.#entries.pagesFrom : null;
    this.#o.index.differences.begin(near, this.#store, this.#take);
  }

  *#differ(length: number): Generator<Chunk, void> {
    this.#o.index.differences.added(length);
    yield* this.#pieces.storeFull(this.#o.archive);
    yield* this.#ranges.storeFull(this.#o.archive);
  }

  *#endLarge(header: TarHeader, flags: number, sha256: Buffer, last: IndexEntry | null): Generator<Chunk, void> {
    this.#o.index.differences.end();
    this.#endRange();
    const content = { sha256: sha256.toString('hex'), changed: (flags & CHANGED) !== 0 };
    yield* this.#line(rangesLine(header, content, this.#rangedFiles));
    this.#o.index.closeLarge(header.size, flags, sha256);
    // It has a line anyway, and what a command prints has a new time each night.
    if (last?.type !== 'file' || !sha256.equals(last.sha256!)) this.changes.changed++;
    if (last !== null) this.#entries.met();
  }

  readonly #store = (bytes: Buffer): Range => {
    const offset = this.#pieces.add(bytes);
    return { night: this.#o.number, object: PIECES, offset, length: bytes.length };
  };

  #range: Range | null = null;
  readonly #take = (range: Range): void => {
    if (this.#range !== null && follows(this.#range, range)) this.#range.length += range.length;
    else {
      this.#endRange();
      this.#range = { ...range };
    }
  };

  #endRange(): void {
    const range = this.#range;
    if (range === null) return;
    this.#range = null;
    const key = `${range.night} ${range.object}`;
    let object = this.#objects.get(key);
    if (object === undefined) {
      this.#objects.set(key, (object = { number: this.#objects.size, end: 0 }));
      this.#ranges.addText(`@ ${object.number} ${range.night} ${escaped(range.object)}\n`);
    }
    this.#ranges.addText(`${object.number} ${range.offset - object.end} ${range.length}\n`);
    object.end = range.offset + range.length;
  }

  /** The dataset is whole: names what is gone, and stores what is left. The manifest's last line comes after that. */
  *finish(): Generator<Chunk, void> {
    const { archive } = this.#o;
    for (let gone = this.#entries.left(); gone !== null; gone = this.#entries.left()) yield* this.#remove(gone);
    yield* this.#ranges.end(archive);
    yield* this.#pieces.end(archive);
    archive.bytes += this.#pieces.size;
  }

  /** Last night's entry of this path; what came before it, and did not come tonight, is gone. */
  *#meet(path: ByteString): Generator<Chunk, IndexEntry | null> {
    for (let gone = this.#entries.before(path); gone !== null; gone = this.#entries.before(path))
      yield* this.#remove(gone);
    return this.#entries.is(path);
  }

  #remove(gone: IndexEntry): Generator<Chunk, void> {
    this.changes.removed++;
    return this.#line(removedLine(gone.path));
  }

  *#line(line: string): Generator<Chunk, void> {
    yield* this.#storeAbove();
    yield* this.#o.archive.line(line);
  }

  *#storeAbove(): Generator<Chunk, void> {
    if (this.#above.at(-1)?.isStored !== false) return;
    for (const directory of this.#above) {
      if (directory.isStored) continue;
      directory.isStored = true;
      yield* this.#o.archive.withoutContent(directory.header);
    }
  }

  /** Contents that changed while size and times did not: a disk that fails, or somebody who hides something. */
  #sayIfHidden({ file, context }: OpenFile, now: BigIntStats, last: IndexEntry | null, sha256: Buffer): void {
    if (last === null || !this.#o.reread || (last.flags & (REREAD | CHANGED)) !== 0) return;
    const looksTheSame =
      last.type === 'file' &&
      last.size === Number(now.size) &&
      last.mtimeNs === now.mtimeNs &&
      last.ctimeNs === now.ctimeNs;
    if (looksTheSame && !sha256.equals(last.sha256!))
      context.reading.warn(
        `${shown(file)} has different contents than when it was last read, but the same size and times`,
        'act',
      );
  }
}

function sameEntry(last: IndexEntry, now: TarHeader): boolean {
  return (
    last.type === now.type &&
    last.mode === now.mode &&
    last.mtimeNs === now.mtimeNs &&
    (now.type === 'file' || last.other === now.linkTarget)
  );
}
