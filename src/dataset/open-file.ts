import { constants, fstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { toBytes, toPath, type ByteString } from './bytestring.js';
import { hasCode, unreadable, type Reading } from './reading.js';
import type { SourceSpec } from '../source.js';

// What was a file may have become a symlink to elsewhere, or a fifo, whose open would wait for a writer. (Windows has
// neither flag.)
const OPEN_FLAGS =
  constants.O_RDONLY |
  ((constants.O_NOFOLLOW as number | undefined) ?? 0) |
  ((constants.O_NONBLOCK as number | undefined) ?? 0);

/** Where what is noticed about a file goes. */
export interface Watch {
  reading: Reading;
  source: SourceSpec;
}

/** The open file; null when it vanished or was replaced by something that is not a file, where that is allowed. */
export function openFile({ reading, source }: Watch, file: ByteString): number | null {
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

export interface OpenFile {
  fd: number;
  file: ByteString;
  size: number;
  context: Watch;
}

/** What files without a size may hold: those of /proc are small. */
const SIZELESS_BYTES = 16 << 20;
export const probe = Buffer.alloc(64 * 1024);

/** The content of a file that only seems empty: FUSE and /proc know no sizes. Null when it is empty. */
export function readSizeless(content: OpenFile): Buffer | null {
  const pieces: Buffer[] = [];
  for (let length = 0; ; ) {
    const got = readFully(content, probe, 0, probe.length);
    if (got === 0) return pieces.length === 0 ? null : Buffer.concat(pieces);
    length += got;
    if (length > SIZELESS_BYTES)
      throw new DepotError(
        'source-failed',
        `${printable(toBytes(content.file))} has no size according to its file system, and holds more than ${SIZELESS_BYTES >> 20} MiB`,
        { hint: 'have a command print it: command: [cat, FILE]; and leave it out with exclude:' },
      );
    pieces.push(Buffer.from(probe.subarray(0, got)));
  }
}

export function endedEarly({ file, context: { reading, source } }: OpenFile): void {
  reading.changed(source, file, 'got shorter while it was read');
}

export interface StoredContent {
  /** Lower-case hex. */
  sha256: string;
  short: boolean;
  longer: boolean;
}

/** Of a file that was read, and is listed next: whether it changed since `before`; says so, and throws where that is not allowed. */
export function changedWhileRead(
  { fd, file, context: { reading, source } }: OpenFile,
  before: BigIntStats,
  stored: Pick<StoredContent, 'short' | 'longer'>,
): boolean {
  reading.unlisted = 0;
  const after = fstatSync(fd, { bigint: true });
  const differs = after.size !== before.size || after.mtimeNs !== before.mtimeNs || after.ctimeNs !== before.ctimeNs;
  const sizes = before.size === after.size ? '' : ` (from ${before.size} to ${after.size} bytes)`;
  if (differs && !stored.short) reading.changed(source, file, `changed while it was read${sizes}`);
  else if (stored.longer)
    reading.changed(source, file, `holds more than the ${before.size} bytes that the file system says it has`);
  return differs || stored.short || stored.longer;
}

/** Reads until `enough` of the `length` bytes are there, or the file ends; returns how many there are. */
export function readFully(
  { fd, file }: OpenFile,
  buffer: Uint8Array,
  at: number,
  length: number,
  enough = length,
): number {
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
