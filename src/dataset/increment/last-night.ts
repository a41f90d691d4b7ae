import type { ByteString } from '../bytestring.js';
import { BlockFrame } from './block-frame.js';
import { DIGEST } from './blocks.js';
import { FrameReader, UnusableIndex } from './frames.js';
import { LastEntries } from './last-entries.js';
import {
  digestsOf,
  ENTRY,
  entryOf,
  field,
  HEAD,
  IN_RANGES,
  type IndexEntry,
  PAGE,
  RecordReader,
  TAIL,
} from './records.js';
import { TagTable } from './tables.js';

/** Files that are found by their content, and blocks by their digests: 11 bytes of memory each. */
const MOST_FILES = 1 << 21;
const MOST_ANCHORS = 1 << 19;
const MOST_STARTS = 1 << 19;
/** One block in 32 is an anchor: found wherever it lies. The others are looked for near the last that was found. */
const FEWEST_ZEROS = 31;
/** Frames of blocks that are held: some 4 MiB of content each. */
const HELD_FRAMES = 8;
/** Frames of which the files are held by their digests. */
const HELD_LISTS = 4;

/** A block of last night. */
export interface KnownBlock {
  frame: BlockFrame;
  number: number;
}

/** A file of last night with this content. */
export interface KnownFile {
  night: number;
  object: ByteString;
}

/**
 * The index of the base (records.ts): its files in the order of the walk, files by content, and blocks by digest.
 * Reading it whole comes first, so that one that is damaged is found before anything is packed.
 */
export class LastNight {
  readonly head: unknown;
  readonly #frames: FrameReader;
  readonly #files = new TagTable(MOST_FILES);
  readonly #anchors = new TagTable(MOST_ANCHORS);
  #zeros = FEWEST_ZEROS;
  /** First blocks of contents: one that has another name now costs no more than a range. */
  readonly #starts = new TagTable(MOST_STARTS);
  readonly #held: BlockFrame[] = [];
  readonly #lists: { frame: number; files: Map<string, KnownFile> }[] = [];

  /** @throws UnusableIndex */
  constructor(path: string, key: Uint8Array) {
    this.#frames = new FrameReader(path, key);
    try {
      this.head = this.#scan();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #scan(): unknown {
    const records = new RecordReader(this.#frames);
    if (!records.next() || records.kind !== HEAD) throw new UnusableIndex('it does not begin as one');
    const head: unknown = JSON.parse(records.record.toString('utf8', 3));
    let kind = HEAD;
    while (records.next()) {
      kind = records.kind;
      const { record, frameNumber } = records;
      if (kind === ENTRY && field.isFile(record)) this.#files.add(field.sha256(record).readUInt32LE(0), frameNumber);
      else if (kind === PAGE) {
        const digests = digestsOf(record);
        if (field.position(record) === 0) this.#starts.add(digests.readUInt32LE(0), frameNumber);
        this.#addAnchors(digests, frameNumber);
      }
    }
    if (kind !== TAIL) throw new UnusableIndex('it has no end');
    return head;
  }

  #addAnchors(digests: Buffer, frame: number): void {
    for (let at = 0; at < digests.length; at += DIGEST) {
      const tag = digests.readUInt32LE(at);
      if ((tag & this.#zeros) !== 0) continue;
      if (this.#anchors.isFull) {
        this.#zeros = 2 * this.#zeros + 1;
        this.#anchors.thin(this.#zeros);
        if ((tag & this.#zeros) !== 0) continue;
      }
      this.#anchors.add(tag, frame);
    }
  }

  /** A file with this content that is one object. */
  fileWith(sha256: Uint8Array): KnownFile | null {
    const digest = Buffer.from(sha256.buffer, sha256.byteOffset, sha256.length);
    const name = digest.toString('latin1');
    return this.#files.find(digest.readUInt32LE(0), (frame) => this.#filesOf(frame).get(name) ?? null);
  }

  #filesOf(frame: number): Map<string, KnownFile> {
    const held = this.#lists.find((list) => list.frame === frame);
    if (held !== undefined) return held.files;
    const files = new Map<string, KnownFile>();
    const records = new RecordReader(this.#frames, frame, frame + 1);
    while (records.next()) {
      if (records.kind !== ENTRY) continue;
      const entry = entryOf(records.record, records.path());
      const known = objectOf(entry);
      if (known !== null) files.set(Buffer.from(entry.sha256!).toString('latin1'), known);
    }
    this.#lists.unshift({ frame, files });
    this.#lists.splice(HELD_LISTS);
    return files;
  }

  /** A block with this digest: the one after `last`, else one near the last that were found, else an anchor. */
  block(digest: Buffer, last: KnownBlock | null): KnownBlock | null {
    const next = last === null ? null : this.#after(last);
    if (next?.frame.is(next.number, digest)) return next;
    const tag = digest.readUInt32LE(0);
    for (const frame of this.#held) {
      const number = frame.find(digest);
      if (number !== null) return { frame: this.#touch(frame), number };
    }
    return (tag & this.#zeros) === 0 ? this.#in(this.#anchors, digest) : null;
  }

  /** As `block`, for the first one of a content. */
  start(digest: Buffer): KnownBlock | null {
    return this.#in(this.#starts, digest);
  }

  #in(table: TagTable, digest: Buffer): KnownBlock | null {
    return table.find(digest.readUInt32LE(0), (at) => {
      const frame = this.#blocksOf(at);
      const number = frame.find(digest);
      return number === null ? null : { frame, number };
    });
  }

  /** Holds the blocks from there on: a file is most like the one that had its name. */
  near(frame: number): void {
    // What begins at the end of a frame has its pages in the next.
    for (const number of [frame + 1, frame]) if (number < this.#frames.count) this.#blocksOf(number);
  }

  #after({ frame, number }: KnownBlock): KnownBlock | null {
    // Near its end we shall want what comes next, for blocks behind something that was put in.
    if (2 * number > frame.count && frame.number + 1 < this.#frames.count) this.#blocksOf(frame.number + 1);
    if (number + 1 < frame.count) return { frame, number: number + 1 };
    const next = frame.number + 1 < this.#frames.count ? this.#blocksOf(frame.number + 1) : null;
    return next === null || next.count === 0 ? null : { frame: next, number: 0 };
  }

  #blocksOf(number: number): BlockFrame {
    return this.#touch(this.#held.find((frame) => frame.number === number) ?? new BlockFrame(this.#frames, number));
  }

  #touch(frame: BlockFrame): BlockFrame {
    const [first] = this.#held;
    if (first === frame) return frame;
    const at = this.#held.indexOf(frame);
    if (at > 0) this.#held.splice(at, 1);
    this.#held.unshift(frame);
    this.#held.splice(HELD_FRAMES);
    return frame;
  }

  /** Its entries, to be met with those of tonight. `sources`: their names, in order. */
  entries(sources: readonly string[]): LastEntries {
    return new LastEntries(this.#frames, sources);
  }

  close(): void {
    this.#frames.close();
  }
}

/** Where a file's content lies, if that is one object. */
export function objectOf(entry: IndexEntry): KnownFile | null {
  if (entry.type !== 'file' || entry.night === IN_RANGES) return null;
  return { night: entry.night, object: entry.other ?? entry.path };
}
