import { createHash, hash } from 'node:crypto';
import { closeSync, fstatSync, statSync } from 'node:fs';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import type { Archive } from './archive.js';
import type { ByteString } from './bytestring.js';
import type { Chunk, Chunks } from './chunks.js';
import type { HardLinks } from './hard-links.js';
import type { ChainNight } from './increment/chain-night.js';
import { freshness, LARGE, type NightIndex } from './increment/night-index.js';
import { CHANGED, REREAD } from './increment/records.js';
import { recordedMode } from './mode.js';
import {
  changedWhileRead,
  endedEarly,
  openFile,
  type OpenFile,
  probe,
  readFully,
  readSizeless,
  type StoredContent,
} from './open-file.js';
import { emptyError, locate, type Reading } from './reading.js';
import type { FileSource, SourceSpec } from '../source.js';
import { paddingFor } from './tar/format.js';
import type { TarHeader } from './tar/write.js';

export interface FileContext {
  archive: Archive;
  reading: Reading;
  source: SourceSpec;
  hardLinks: HardLinks;
  /** Of an arrangement with `incremental:`. */
  chain: ChainNight | null;
}

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

/** Differs when the file was written in between; null when there is none. */
export function stateOf({ path }: FileSource): string | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? null : `${found.ino} ${found.size} ${found.mtimeNs}`;
}

export function notWritten({ name, path }: FileSource): DepotError {
  return new DepotError(
    'source-failed',
    `source ${printable(name)}: nothing was written to ${printable(path)}: what is there is from an earlier time`,
    { hint: 'find out why the server did not write it: run the command by hand, as the account that depot runs as' },
  );
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
  const { archive, reading, source, hardLinks, chain } = context;
  if (chain?.increment) return yield* chain.increment.file(context, file, path);
  const fd = openFile(context, file);
  if (fd === null) return null;
  try {
    const before = fstatSync(fd, exact);
    if (!before.isFile()) {
      reading.changed(source, file, 'is no longer a file; it is not in the dataset');
      return null;
    }
    const [size, mode] = [Number(before.size), recordedMode(before)];
    const entry: TarHeader = { path, type: 'file', size, mode, mtimeNs: before.mtimeNs, linkTarget: null };
    const earlier = hardLinks.earlier(before, path);
    if (earlier !== null) {
      const link: TarHeader = { ...entry, type: 'hardlink', size: 0, linkTarget: earlier };
      yield* archive.withoutContent(link);
      chain?.index.addWithoutContent(link, before);
      return entry.size;
    }

    const readAtNs = chain === null ? 0n : BigInt(Date.now()) * 1_000_000n;
    const content: OpenFile = { fd, file, size: entry.size, context };
    const sizeless = entry.size === 0 ? readSizeless(content) : null;
    if (sizeless !== null) {
      entry.size = sizeless.length;
      const sha256 = hash('sha256', sizeless, 'hex');
      yield* archive.stored(entry, sizeless);
      yield* archive.list(entry, { sha256, parts: null, changed: false });
      chain?.index.addFile(entry, before, REREAD, Buffer.from(sha256, 'hex'), { night: 0, object: path });
      return entry.size;
    }

    const header = archive.headers.encode(entry);
    const { out } = archive;
    const isLarge = entry.size > LARGE;
    if (isLarge) chain?.index.openLarge(entry, before, { night: 0, object: path });
    let stored: StoredContent;
    if (header.length + entry.size + paddingFor(entry.size) < out.free) {
      out.put(header);
      stored = readSmall(archive, content);
    } else {
      yield* out.write(header);
      stored = yield* readLarge(archive, content, isLarge ? (chain?.index ?? null) : null);
    }

    const changed = changedWhileRead(content, before, stored);
    const part = archive.note(entry, { sha256: stored.sha256, parts: null, changed });
    if (part !== null) yield* archive.manifestPart(part);
    if (chain !== null) {
      const flags = (changed ? CHANGED | REREAD : 0) | freshness(before, readAtNs);
      const sha256 = Buffer.from(stored.sha256, 'hex');
      if (isLarge) chain.index.closeLarge(entry.size, flags, sha256);
      else chain.index.addFile(entry, before, flags, sha256, { night: 0, object: path });
    }
    return entry.size;
  } finally {
    closeSync(fd);
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

function* readLarge({ out }: Archive, content: OpenFile, index: NightIndex | null): Generator<Chunk, StoredContent> {
  const digest = createHash('sha256');
  index?.beginWhole();
  let short = false;
  for (let left = content.size; left > 0; ) {
    const start = out.used;
    const length = Math.min(left, out.free);
    if (!fill(out, content, length, short)) short = true;
    const piece = out.buffer.subarray(start, start + length);
    digest.update(piece);
    index?.add(piece);
    left -= length;
    content.context.reading.unlisted += length;
    if (out.free === 0) yield out.take();
  }
  index?.endContent();
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
