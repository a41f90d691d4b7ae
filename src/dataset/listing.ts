import { opendirSync, type Dirent } from 'node:fs';
import { fromBytes, toPath, type ByteString } from './bytestring.js';
import { Names, type Child } from './names.js';
import { hasCode } from './reading.js';

/**
 * Bytes of names of one directory that are held at a time. A larger directory is listed again for the next so many: its names
 * must come in order, by which readers see that none comes twice, and memory must not grow with it.
 */
const ROOM = 4 << 20;

/**
 * The children of a directory in the order of their bytes.
 *
 * @param room bytes of names held at a time: at least 512, two of the longest
 * @throws the system's error, when the directory is not there or cannot be read
 */
export function* listChildren(directory: ByteString, room = ROOM): Generator<Child, void> {
  const batch = new Names(room);
  for (let last: ByteString | null = null; ; ) {
    readBatch(directory, last, batch);
    for (const child of batch.inOrder()) {
      last = child.name;
      yield child;
    }
    if (!batch.more) return;
  }
}

/** The first names after `last`, as many as there is room for. */
function readBatch(directory: ByteString, last: ByteString | null, batch: Names): void {
  try {
    readNames(directory, 'latin1', last, batch);
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM', 'ENOTDIR')) throw error;
    // Some file systems do not say what an entry is; then Node looks, by a name that it takes for text, and finds nothing. By
    // a Buffer it finds it. Not so from the beginning, for Buffers take three times as long.
    readNames(directory, 'buffer', last, batch);
  }
}

function readNames(directory: ByteString, encoding: 'latin1' | 'buffer', last: ByteString | null, batch: Names): void {
  batch.clear();
  const listing = opendirSync(toPath(directory), { encoding: encoding as BufferEncoding, bufferSize: 1024 });
  try {
    for (let child = listing.readSync(); child !== null; child = listing.readSync()) {
      const asked: string | Uint8Array = child.name; // @types/node knows only strings
      const name = typeof asked === 'string' ? (asked as ByteString) : fromBytes(asked);
      if (last === null || name > last) batch.add(name, kindOf(child));
    }
  } finally {
    listing.closeSync();
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
