import { opendirSync, type Dirent } from 'node:fs';
import { fromBytes, toPath, type ByteString } from './bytestring.js';
import { hasCode, type SkippedKind } from './reading.js';

export interface Child {
  name: ByteString;
  kind: 'file' | 'directory' | 'symlink' | Exclude<SkippedKind, 'vanished'>;
}

/**
 * How many names of one directory are held at a time. A larger directory is listed again for the next so many: its names
 * must come in order, by which readers see that none comes twice, and memory must not grow with it.
 */
const BATCH = 200_000;

/**
 * The children of a directory in the order of their octets.
 *
 * @param atATime names held at a time
 * @throws the system's error, when the directory is not there or cannot be read
 */
export function* listChildren(directory: ByteString, atATime = BATCH): Generator<Child, void> {
  for (let last: ByteString | null = null; ; ) {
    const batch: Batch = nextBatch(directory, last, atATime);
    for (const name of batch.names) yield { name, kind: batch.others.get(name) ?? 'file' };
    if (!batch.more) return;
    last = batch.names.at(-1)!;
  }
}

interface Batch {
  /** In order. */
  names: ByteString[];
  /** Those that are not regular files. */
  others: Map<ByteString, Child['kind']>;
  /** Whether there are greater names than these. */
  more: boolean;
}

/** The first `atATime` names after `last`. */
function nextBatch(directory: ByteString, last: ByteString | null, atATime: number): Batch {
  try {
    return readNames(directory, 'latin1', last, atATime);
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM', 'ENOTDIR')) throw error;
    // Some file systems do not say what an entry is; then Node looks, by a name that it takes for text, and finds nothing. By
    // a Buffer it finds it. Not so from the beginning, for Buffers take three times as long.
    return readNames(directory, 'buffer', last, atATime);
  }
}

function readNames(directory: ByteString, encoding: 'latin1' | 'buffer', last: ByteString | null, atATime: number): Batch {
  const batch: Batch = { names: [], others: new Map(), more: false };
  const listing = opendirSync(toPath(directory), { encoding: encoding as BufferEncoding, bufferSize: 1024 });
  try {
    for (let child = listing.readSync(); child !== null; child = listing.readSync()) {
      const asked: string | Uint8Array = child.name; // @types/node knows only strings
      const name = typeof asked === 'string' ? (asked as ByteString) : fromBytes(asked);
      if (last !== null && name <= last) continue;
      batch.names.push(name);
      if (!child.isFile()) batch.others.set(name, kindOf(child));
      if (batch.names.length === 2 * atATime) keepFirst(batch, atATime);
    }
  } finally {
    listing.closeSync();
  }
  keepFirst(batch, atATime);
  return batch;
}

function keepFirst(batch: Batch, atATime: number): void {
  batch.names.sort();
  for (const name of batch.names.splice(atATime)) {
    batch.others.delete(name);
    batch.more = true;
  }
}

function kindOf(child: Dirent): Child['kind'] {
  if (child.isFile()) return 'file';
  if (child.isDirectory()) return 'directory';
  if (child.isSymbolicLink()) return 'symlink';
  if (child.isSocket()) return 'socket';
  if (child.isFIFO()) return 'fifo';
  return child.isBlockDevice() || child.isCharacterDevice() ? 'device' : 'unknown';
}
