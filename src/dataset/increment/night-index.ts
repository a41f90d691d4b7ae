import type { BigIntStats } from 'node:fs';
import type { TarHeader } from '../tar/write.js';
import type { ByteString } from '../bytestring.js';
import { Differences } from './differences.js';
import type { Listing } from '../listed.js';
import type { BlockCutter } from './blocks.js';
import type { LastEntries } from './last-entries.js';
import type { LastNight } from './last-night.js';
import { ListingDigest } from '../chain/listing-digest.js';
import { CHANGED, IN_RANGES, type IndexEntry, IndexWriter, PAGES, type Range, REREAD } from './records.js';
import { FrameWriter } from './frames.js';

/** Larger files, and what commands print, are divided into blocks. */
export const LARGE = 1 << 20;
/**
 * Times of a file that are so close to its reading, or later, do not show whether it changed after that. A clock that ticks takes two
 * seconds at most. But a page of a file that is mapped into memory can be written to again and again, and the file has the time of
 * the first of these: until the kernel has stored it, after half a minute, and later where the disk is busy.
 */
const FRESH_NS = 120_000_000_000n;

/** Where a file's content lies as one object: number of the suitcase in the chain, and path there. */
export interface Place {
  night: number;
  object: ByteString;
}

/** What the file system says of a path; null for what a command printed. */
export type Times = Pick<BigIntStats, 'ctimeNs' | 'ino'> | null;

/** The index of tonight that is being written, and the digest of all that is in the dataset. */
export class NightIndex {
  readonly listing: ListingDigest;
  readonly differences: Differences;
  /** Files and hard links. */
  files = 0;
  /** Is told of each entry of tonight, wherever its contents lie. */
  entries: Listing | undefined;
  readonly #writer: IndexWriter;
  readonly #frames: FrameWriter;
  #open: IndexEntry | null = null;

  constructor(o: {
    path: string;
    key: Uint8Array;
    head: unknown;
    random: Uint8Array;
    cutter: BlockCutter;
    last: LastNight | null;
  }) {
    this.#frames = new FrameWriter(o.path, o.key);
    this.#writer = new IndexWriter(this.#frames);
    this.#writer.head(o.head);
    this.listing = new ListingDigest(o.random);
    this.differences = new Differences(o.cutter, this.#writer, o.last);
  }

  /** A directory or a link. */
  addWithoutContent(header: TarHeader, times: Times): void {
    this.#add(entryOf(header, times, 0, null, { night: 0, object: header.path }));
  }

  /** A file that is one object; `flags`: `REREAD`, `CHANGED`. */
  addFile(header: TarHeader, times: Times, flags: number, sha256: Uint8Array, place: Place): void {
    this.#add(entryOf(header, times, flags, sha256, place));
  }

  /** A path as it was last night. */
  keep(entry: IndexEntry, entries: LastEntries): void {
    if ((entry.flags & PAGES) === 0) {
      this.#add(entry);
      entries.met();
      return;
    }
    this.#writer.open(entry);
    for (const page of entries.pages()) this.#writer.copyPage(page);
    this.#writer.close(entry);
    this.#list(entry);
  }

  /** The content of the file that was opened, which lies in tonight's suitcase as it is. */
  beginWhole(): void {
    const { path } = this.#open!;
    let offset = 0;
    const store = (bytes: Buffer): Range => {
      const range = { night: 0, object: path, offset, length: bytes.length };
      offset += bytes.length;
      return range;
    };
    this.differences.begin(null, store, () => undefined);
  }

  /** Tells `differences` of content that lies elsewhere. */
  add(content: Uint8Array): void {
    for (let at = 0; at < content.length; ) {
      const room = this.differences.room();
      const piece = content.subarray(at, at + room.length);
      room.set(piece);
      this.differences.added(piece.length);
      at += piece.length;
    }
  }

  endContent(): void {
    this.differences.end();
  }

  /** A large content begins: `differences` is told all of it before `closeLarge`. `place`: null when it is made of ranges. */
  openLarge(header: TarHeader, times: Times, place: Place | null): void {
    this.#open = entryOf(header, times, PAGES, new Uint8Array(32), place ?? { night: IN_RANGES, object: header.path });
    this.#writer.open(this.#open);
  }

  closeLarge(size: number, flags: number, sha256: Uint8Array): void {
    const entry = { ...this.#open!, size, flags: flags | PAGES, sha256 };
    this.#writer.close(entry);
    this.#list(entry);
  }

  /** It is on the disk. */
  end(): void {
    this.#writer.end();
  }

  /** Gives up. */
  close(): void {
    this.#frames.close();
  }

  #add(entry: IndexEntry): void {
    this.#writer.entry(entry);
    this.#list(entry);
  }

  #list(entry: IndexEntry): void {
    const { path, type, flags, other, size } = entry;
    this.entries?.add(path, { listed: 'entry', type, size });
    if (type === 'file' || type === 'hardlink') this.files++;
    this.listing.add(entry, (flags & CHANGED) !== 0, type === 'file' ? null : other);
  }
}

function entryOf(header: TarHeader, times: Times, flags: number, sha256: Uint8Array | null, place: Place): IndexEntry {
  const { path, type, mode, size, mtimeNs, linkTarget } = header;
  const other = type === 'file' ? (place.object === path ? null : place.object) : linkTarget;
  const { ctimeNs, ino } = times ?? { ctimeNs: 0n, ino: 0n };
  return { path, type, mode, size, mtimeNs, ctimeNs, ino, flags, sha256, night: place.night, other };
}

/** `REREAD` where its times do not show whether it changes after `readAtNs`. */
export function freshness({ mtimeNs, ctimeNs }: Pick<BigIntStats, 'mtimeNs' | 'ctimeNs'>, readAtNs: bigint): number {
  const limit = readAtNs - FRESH_NS;
  return mtimeNs > limit || ctimeNs > limit ? REREAD : 0;
}
