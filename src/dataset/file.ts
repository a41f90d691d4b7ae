import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import type { Archive } from './archive.js';
import { fromBytes, toBytes, toPath, type ByteString } from './bytestring.js';
import type { Chunk, Chunks } from './chunks.js';
import { emptyError, hasCode, locate, unreadable, type Reading } from './reading.js';
import type { FileSource, SourceSpec } from '../source.js';
import { paddingFor } from './tar/format.js';
import type { TarHeader } from './tar/write.js';

/**
 * Where files with several hard links were stored: the one thing that grows with the dataset. So records are small, and
 * a file with two links, as most have, is forgotten at the second. (A third that came meanwhile is stored as a file of
 * its own.)
 */
export class HardLinks {
  readonly #devices = new Map<bigint, Map<number | bigint, ByteString>>();

  /** The path of an earlier link to the same file; null for the first. */
  earlier(stat: BigIntStats, path: ByteString): ByteString | null {
    if (stat.nlink < 2n) return null;
    let inodes = this.#devices.get(stat.dev);
    if (inodes === undefined) this.#devices.set(stat.dev, (inodes = new Map<number | bigint, ByteString>()));
    const inode = stat.ino <= Number.MAX_SAFE_INTEGER ? Number(stat.ino) : stat.ino;
    const earlier = inodes.get(inode);
    // A copy, because a path that was joined from pieces keeps the pieces.
    if (earlier === undefined) inodes.set(inode, fromBytes(toBytes(path)));
    else if (stat.nlink === 2n) inodes.delete(inode);
    return earlier ?? null;
  }
}

export interface FileContext {
  archive: Archive;
  reading: Reading;
  source: SourceSpec;
  hardLinks: HardLinks;
}

// What was a file may have become a symlink to elsewhere, or a fifo, whose open would wait for a writer. (Windows has
// neither flag.)
const OPEN_FLAGS =
  constants.O_RDONLY |
  ((constants.O_NOFOLLOW as number | undefined) ?? 0) |
  ((constants.O_NONBLOCK as number | undefined) ?? 0);

const exact = { bigint: true } as const;

/** Throws as `packFile` does, and 'source-empty' unless `allowEmpty`. */
export function* packFileSource(
  context: FileContext & { source: FileSource },
  path: ByteString,
): Generator<Chunk, void> {
  const { source } = context;
  const size = yield* packFile(context, locate(source.path, 'file'), path);
  if (size === 0 && !source.allowEmpty) throw emptyError(source, 'the file is empty');
}

/**
 * Stores a regular file, or a hard link when its inode was stored before. As many bytes as the header says must follow.
 * A file that changes meanwhile is an error (`onChange: fail`), or (`onChange: warn`) cut off or filled up with zeros:
 * then the manifest's digest is of what was stored, its line says `"changed":true`, and the dataset counts as
 * incomplete.
 *
 * @param path what it is called in the archive
 * @returns the file's bytes; null when it is not in the dataset
 * @throws DepotError 'source-changed', 'source-failed'
 */
export function* packFile(context: FileContext, file: ByteString, path: ByteString): Generator<Chunk, number | null> {
  const { archive, reading, source, hardLinks } = context;
  const fd = open(context, file);
  if (fd === null) return null;
  try {
    const before = fstatSync(fd, exact);
    if (!before.isFile()) {
      reading.changed(source, file, 'is no longer a file; it is not in the dataset');
      return null;
    }
    const [size, mode] = [Number(before.size), Number(before.mode) & 0o7777];
    const entry: TarHeader = { path, type: 'file', size, mode, mtimeNs: before.mtimeNs, linkTarget: null };
    const earlier = hardLinks.earlier(before, path);
    if (earlier !== null) {
      yield* archive.withoutContent({ ...entry, type: 'hardlink', size: 0, linkTarget: earlier });
      return entry.size;
    }

    const content: OpenFile = { fd, file, size: entry.size, context };
    const sizeless = entry.size === 0 ? readSizeless(content) : null;
    if (sizeless !== null) {
      entry.size = sizeless.length;
      yield* archive.stored(entry, sizeless);
      yield* archive.list(entry, { sha256: hash('sha256', sizeless, 'hex'), parts: null, changed: false });
      return entry.size;
    }

    const header = archive.headers.encode(entry);
    const { out } = archive;
    let stored: StoredContent;
    if (header.length + entry.size + paddingFor(entry.size) < out.free) {
      out.put(header);
      stored = readSmall(archive, content);
    } else {
      yield* out.write(header);
      stored = yield* readLarge(archive, content);
    }

    const after = fstatSync(fd, exact);
    const differs = after.size !== before.size || after.mtimeNs !== before.mtimeNs || after.ctimeNs !== before.ctimeNs;
    const sizes = before.size === after.size ? '' : ` (from ${before.size} to ${after.size} bytes)`;
    if (differs && !stored.short) reading.changed(source, file, `changed while it was read${sizes}`);
    else if (stored.longer)
      reading.changed(source, file, `holds more than the ${before.size} bytes that the file system says it has`);
    const changed = differs || stored.short || stored.longer;
    const part = archive.note(entry, { sha256: stored.sha256, parts: null, changed });
    if (part !== null) yield* archive.manifestPart(part);
    return entry.size;
  } finally {
    closeSync(fd);
  }
}

/** The open file; null when it vanished or was replaced by something that is not a file, where that is allowed. */
function open({ reading, source }: FileContext, file: ByteString): number | null {
  try {
    return openSync(toPath(file), OPEN_FLAGS);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) reading.vanished(source, file);
    // A symlink, or a socket, in its place.
    else if (hasCode(error, 'ELOOP', 'EMLINK', 'ENXIO'))
      reading.changed(source, file, 'is no longer a file; it is not in the dataset');
    else throw unreadable(file, error);
    return null;
  }
}

interface OpenFile {
  fd: number;
  file: ByteString;
  size: number;
  context: FileContext;
}

interface StoredContent {
  sha256: string;
  short: boolean;
  longer: boolean;
}

/** What files without a size may hold: those of /proc are small. */
const SIZELESS_BYTES = 16 << 20;
const probe = Buffer.alloc(64 * 1024);

/** The content of a file that only seems empty: FUSE and /proc know no sizes. Null when it is empty. */
function readSizeless(content: OpenFile): Buffer | null {
  const pieces: Buffer[] = [];
  for (let length = 0; ; ) {
    const got = readFully(content, probe, 0, probe.length);
    if (got === 0) return pieces.length === 0 ? null : Buffer.concat(pieces);
    length += got;
    if (length > SIZELESS_BYTES)
      throw new DepotError(
        'source-failed',
        `${printable(toBytes(content.file))} has no size according to its file system, and holds more than ${SIZELESS_BYTES >> 20} MiB`,
        { hint: 'deposit it as what a command prints: command: [cat, FILE]; and leave it out with exclude:' },
      );
    pieces.push(Buffer.from(probe.subarray(0, got)));
  }
}

/** For what fits in the current chunk: no copy, no hash object. */
function readSmall({ out }: Archive, content: OpenFile): StoredContent {
  const { size } = content;
  const start = out.used;
  // We ask for one more, and have room for it: what a file holds beyond its size shows without a second read.
  const got = readFully(content, out.buffer, start, size + 1, size);
  const short = got < size;
  out.advance(Math.min(got, size));
  if (short) endedEarly(content);
  out.zero(size - Math.min(got, size));
  const sha256 = hash('sha256', out.buffer.subarray(start, start + size), 'hex');
  out.zero(paddingFor(size));
  return { sha256, short, longer: got > size };
}

function* readLarge({ out }: Archive, content: OpenFile): Generator<Chunk, StoredContent> {
  const digest = createHash('sha256');
  let short = false;
  for (let left = content.size; left > 0; ) {
    const start = out.used;
    const length = Math.min(left, out.free);
    if (!fill(out, content, length, short)) short = true;
    digest.update(out.buffer.subarray(start, start + length));
    left -= length;
    if (out.free === 0) yield out.take();
  }
  yield* out.zeros(paddingFor(content.size));
  return { sha256: digest.digest('hex'), short, longer: !short && readFully(content, probe, 0, 1) > 0 };
}

/** Puts the file's next bytes into the chunk, and zeros where it has ended; false when it has. */
function fill(out: Chunks, content: OpenFile, length: number, ended: boolean): boolean {
  const got = ended ? 0 : readFully(content, out.buffer, out.used, length);
  out.advance(got);
  if (got === length) return true;
  if (!ended) endedEarly(content);
  out.zero(length - got);
  return false;
}

function endedEarly({ file, context: { reading, source } }: OpenFile): void {
  reading.changed(source, file, 'got shorter while it was read');
}

/** Reads until `enough` of the `length` bytes are there, or the file ends; returns how many there are. */
function readFully({ fd, file }: OpenFile, buffer: Uint8Array, at: number, length: number, enough = length): number {
  let got = 0;
  try {
    while (got < enough) {
      const read = readSync(fd, buffer, at + got, length - got, null);
      if (read === 0) break;
      got += read;
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  return got;
}
