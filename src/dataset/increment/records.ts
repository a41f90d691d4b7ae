/**
 * The records of an index, in frames (frames.ts); none lies in two. All numbers are little-endian.
 *
 *     record  length (2) ‖ kind (1) ‖ …            a length of 0: no more in this frame
 *     head    JSON
 *     entry   type (1) ‖ flags (1) ‖ mode (2) ‖ size (6) ‖ mtime, ctime in ns (8, 8) ‖ inode (8) ‖ night (2)
 *             ‖ prefix (2) ‖ lengths of suffix and other (2, 2) ‖ SHA-256 (32; zeros for all but files) ‖ suffix ‖ other
 *     page    position (6) ‖ numbers of blocks, objects and ranges (2, 2, 2)
 *             ‖ objects: night (2) ‖ length (2) ‖ path ‖ ranges: object, gap, length as varints ‖ lengths of blocks (2 each) ‖ digests (16 each)
 *     tail    numbers of entries and pages (6, 6)
 *
 * Entries are in the order of the walk. A path begins with the first `prefix` bytes of the one before; the first of a
 * frame has none, so that each frame can be read alone. `other` is the target of a link, or the path of the object with
 * the file's content where that is not the file's own. After a file whose blocks are known come its pages.
 */
import { fromBytes, type ByteString } from '../bytestring.js';
import type { EntryType } from '../tar/format.js';
import { DIGEST } from './blocks.js';
import { FRAME, type FrameReader, type FrameWriter, UnusableIndex } from './frames.js';

export const HEAD = 1;
export const ENTRY = 2;
export const PAGE = 3;
export const TAIL = 4;

/** The file is read again next night, whatever its times say: they were too close to the reading. */
export const REREAD = 1;
/** The file changed while it was read, which the configuration allowed. */
export const CHANGED = 2;
/** Pages follow. */
export const PAGES = 4;

/** For `night`: the content is made of ranges, which the pages have. */
export const IN_RANGES = 0xffff;

const TYPES: readonly EntryType[] = ['directory', 'symlink', 'hardlink', 'file'];
const ENTRY_BYTES = 77;
const PAGE_BYTES = 15;
/** What a page takes at most: for a block, for a range, and for an object beside its path. */
export const BLOCK_BYTES = 2 + DIGEST;
export const RANGE_BYTES = 18;
export const OBJECT_BYTES = 4;
/** Less room at the end of a frame is left unused. */
const LEAST_PAGE = 1024;

/** What the file system says; for a source without (a command's output), zeros. */
export interface Stat {
  type: EntryType;
  mode: number;
  size: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  ino: bigint;
}

export interface IndexEntry extends Stat {
  path: ByteString;
  flags: number;
  /** Files: 32 bytes. */
  sha256: Uint8Array | null;
  /** Files: the suitcase of the chain in which the content lies as one object, or `IN_RANGES`. */
  night: number;
  /** The object's path where it is not this one; the target of a link. Else null. */
  other: ByteString | null;
}

export interface Range {
  /** The object: number of its suitcase in the chain, and path there. */
  night: number;
  object: ByteString;
  offset: number;
  length: number;
}

/** Blocks of a content from `position` on, and where their bytes lie. */
export interface Page {
  position: number;
  lengths: Uint16Array;
  /** 16 bytes for each block. */
  digests: Uint8Array;
  /** Together as long as the blocks. */
  ranges: Range[];
}

export class IndexWriter {
  readonly #frames: FrameWriter;
  #path = '' as ByteString;
  #pathFrame = -1;
  #entries = 0;
  #pages = 0;
  #open: { frame: Buffer; at: number } | null = null;

  constructor(frames: FrameWriter) {
    this.#frames = frames;
  }

  head(head: unknown): void {
    const json = Buffer.from(JSON.stringify(head));
    const { frame, at } = this.#record(3 + json.length, HEAD);
    json.copy(frame, at + 3);
  }

  /** An entry that is known whole. */
  entry(entry: IndexEntry): void {
    const { path } = entry;
    const other = entry.other ?? '';
    const length = ENTRY_BYTES + path.length + other.length;
    const hasBefore = this.#frames.number === this.#pathFrame && length <= this.#frames.free;
    const prefix = hasBefore ? commonLength(this.#path, path) : 0;
    const { frame, at } = this.#record(length - prefix, ENTRY);
    this.#path = path;
    this.#pathFrame = this.#frames.number;
    this.#entries++;
    frame[at + 3] = TYPES.indexOf(entry.type);
    frame.writeUInt16LE(entry.mode, at + 5);
    frame.writeBigInt64LE(within64(entry.mtimeNs), at + 13);
    frame.writeBigInt64LE(within64(entry.ctimeNs), at + 21);
    frame.writeBigUInt64LE(BigInt.asUintN(64, entry.ino), at + 29);
    frame.writeUInt16LE(prefix, at + 39);
    frame.writeUInt16LE(path.length - prefix, at + 41);
    frame.writeUInt16LE(other.length, at + 43);
    fill(frame, at, entry);
    const end = at + ENTRY_BYTES + frame.write(path.slice(prefix), at + ENTRY_BYTES, 'latin1');
    if (other !== '') frame.write(other, end, 'latin1');
  }

  /** An entry whose pages follow; flags, size, digest and `night` are filled in by `close`. */
  open(entry: IndexEntry): void {
    this.entry(entry);
    this.#frames.hold();
    this.#open = this.#last;
  }

  close(entry: Pick<IndexEntry, 'flags' | 'size' | 'sha256' | 'night'>): void {
    const { frame, at } = this.#open!;
    this.#open = null;
    fill(frame, at, { ...entry, flags: entry.flags | PAGES });
    this.#frames.release();
  }

  page({ position, lengths, digests, ranges }: Page): void {
    const body = encodeRanges(ranges);
    const blocks = lengths.length;
    const { frame, at } = this.#record(PAGE_BYTES + body.bytes.length + blocks * (2 + DIGEST), PAGE);
    this.#pages++;
    frame.writeUIntLE(position, at + 3, 6);
    frame.writeUInt16LE(blocks, at + 9);
    frame.writeUInt16LE(body.objects, at + 11);
    frame.writeUInt16LE(ranges.length, at + 13);
    let end = at + PAGE_BYTES + body.bytes.copy(frame, at + PAGE_BYTES);
    for (const length of lengths) end = frame.writeUInt16LE(length, end);
    frame.set(digests, end);
  }

  /** Bytes for the blocks, ranges and objects of the next page: it fills the frame. */
  get roomInPage(): number {
    const { free } = this.#frames;
    return (free < LEAST_PAGE ? FRAME : free) - PAGE_BYTES;
  }

  /** A page as it stands in another index. */
  copyPage(record: Buffer): void {
    const { frame, at } = this.#record(record.length, PAGE);
    this.#pages++;
    record.copy(frame, at);
  }

  end(): void {
    const { frame, at } = this.#record(15, TAIL);
    frame.writeUIntLE(this.#entries, at + 3, 6);
    frame.writeUIntLE(this.#pages, at + 9, 6);
    this.#frames.end();
  }

  #last!: { frame: Buffer; at: number };

  #record(length: number, kind: number): { frame: Buffer; at: number } {
    const place = this.#frames.next(length);
    place.frame.writeUInt16LE(length, place.at);
    place.frame[place.at + 2] = kind;
    this.#last = place;
    return place;
  }
}

/** The fields of an entry that are known last. */
function fill(frame: Buffer, at: number, entry: Pick<IndexEntry, 'flags' | 'size' | 'sha256' | 'night'>): void {
  frame[at + 4] = entry.flags;
  frame.writeUIntLE(entry.size, at + 7, 6);
  frame.writeUInt16LE(entry.night, at + 37);
  if (entry.sha256 === null) frame.fill(0, at + 45, at + ENTRY_BYTES);
  else frame.set(entry.sha256, at + 45);
}

function encodeRanges(ranges: readonly Range[]): { objects: number; bytes: Buffer } {
  const objects = new Map<string, { number: number; end: number }>();
  const head: Buffer[] = [];
  const numbers: number[] = [];
  for (const { night, object, offset, length } of ranges) {
    const key = `${night} ${object}`;
    let found = objects.get(key);
    if (found === undefined) {
      objects.set(key, (found = { number: objects.size, end: 0 }));
      const bytes = Buffer.alloc(4 + object.length);
      bytes.writeUInt16LE(night, 0);
      bytes.writeUInt16LE(object.length, 2);
      bytes.write(object, 4, 'latin1');
      head.push(bytes);
    }
    putVarint(numbers, found.number);
    putVarint(numbers, zigzag(offset - found.end));
    putVarint(numbers, length);
    found.end = offset + length;
  }
  return { objects: objects.size, bytes: Buffer.concat([...head, Buffer.from(numbers)]) };
}

/** Signed numbers as such that small ones stay small. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function putVarint(out: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
}

/** Reads the records of an index one after the other, or those of one frame. */
export class RecordReader {
  kind = 0;
  /** The whole record; it stays as it is as long as somebody holds it. */
  record: Buffer = Buffer.alloc(0);
  /** The frame in which it lies. */
  get frameNumber(): number {
    return this.#number;
  }
  readonly #frames: FrameReader;
  readonly #until: number;
  #number: number;
  #frame: Buffer | null = null;
  #at = 0;
  #path = '' as ByteString;

  constructor(frames: FrameReader, from = 0, until = frames.count) {
    this.#frames = frames;
    this.#number = from;
    this.#until = until;
  }

  /** False at the end. @throws UnusableIndex */
  next(): boolean {
    for (;;) {
      if (this.#number >= this.#until) return false;
      this.#frame ??= this.#frames.frame(this.#number);
      const length = this.#at + 3 > FRAME ? 0 : this.#frame.readUInt16LE(this.#at);
      if (length >= 3 && this.#at + length <= FRAME) {
        this.record = this.#frame.subarray(this.#at, this.#at + length);
        this.kind = this.record[2]!;
        this.#at += length;
        return true;
      }
      if (length !== 0) throw new UnusableIndex('it is not as this version writes it');
      this.#frame = null;
      this.#at = 0;
      this.#number++;
      this.#path = '' as ByteString;
    }
  }

  /** For each entry, in order: the next path is told by what it has in common with this one. */
  path(): ByteString {
    const { record } = this;
    const prefix = record.readUInt16LE(39);
    const suffix = record.toString('latin1', ENTRY_BYTES, ENTRY_BYTES + record.readUInt16LE(41));
    return (this.#path = (this.#path.slice(0, prefix) + suffix) as ByteString);
  }
}

export function entryOf(record: Buffer, path: ByteString): IndexEntry {
  const type = TYPES[record[3]!]!;
  const otherLength = record.readUInt16LE(43);
  return {
    path,
    type,
    flags: record[4]!,
    mode: record.readUInt16LE(5),
    size: record.readUIntLE(7, 6),
    mtimeNs: record.readBigInt64LE(13),
    ctimeNs: record.readBigInt64LE(21),
    ino: record.readBigUInt64LE(29),
    night: record.readUInt16LE(37),
    sha256: type === 'file' ? record.subarray(45, ENTRY_BYTES) : null,
    other: otherLength === 0 ? null : fromBytes(record.subarray(record.length - otherLength)),
  };
}

/** Without making an object of each of a million records. */
export const field = {
  isFile: (record: Buffer): boolean => TYPES[record[3]!] === 'file',
  sha256: (record: Buffer): Buffer => record.subarray(45, ENTRY_BYTES),
  /** Of a page. */
  position: (record: Buffer): number => record.readUIntLE(3, 6),
};

export function pageOf(record: Buffer): Page {
  const blocks = record.readUInt16LE(9);
  const position = record.readUIntLE(3, 6);
  let at = PAGE_BYTES;
  const objects = Array.from({ length: record.readUInt16LE(11) }, () => {
    const night = record.readUInt16LE(at);
    const end = at + 4 + record.readUInt16LE(at + 2);
    const object = fromBytes(record.subarray(at + 4, end));
    at = end;
    return { night, object, end: 0 };
  });
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = record[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const ranges = Array.from({ length: record.readUInt16LE(13) }, () => {
    const object = objects[varint()]!;
    const gap = varint();
    const offset = object.end + (gap % 2 === 0 ? gap / 2 : -(gap + 1) / 2);
    const length = varint();
    object.end = offset + length;
    return { night: object.night, object: object.object, offset, length };
  });
  const lengths = new Uint16Array(blocks);
  for (let i = 0; i < blocks; i++, at += 2) lengths[i] = record.readUInt16LE(at);
  return { position, lengths, digests: record.subarray(at, at + blocks * DIGEST), ranges };
}

/** Where the digests of a page lie, for a look at all of them. */
export function digestsOf(record: Buffer): Buffer {
  return record.subarray(record.length - record.readUInt16LE(9) * DIGEST);
}

/** A time before 1677 or after 2262 is never the one that is found there the next night: the file is read again then. */
function within64(ns: bigint): bigint {
  const most = (1n << 63n) - 1n;
  return ns > most ? most : ns < -most ? -most : ns;
}

function commonLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}
