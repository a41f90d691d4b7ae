import { lstatSync, opendirSync, readlinkSync, type BigIntStats, type Dirent } from 'node:fs';
import { fromBytes, join, toPath, type ByteString } from './bytestring.js';
import type { Chunk } from './chunks.js';
import { excluder } from './exclude.js';
import { packFile, type FileContext } from './file.js';
import { emptyError, hasCode, locate, unreadable, type SkippedKind } from './reading.js';
import type { DirectorySource } from './sources.js';
import type { TarHeader } from './tar/write.js';

interface Child {
  name: ByteString;
  kind: 'file' | 'directory' | 'symlink' | Exclude<SkippedKind, 'vanished'>;
}

/** A directory that is being walked: its own entry is stored, its children are under way. */
interface Level {
  directory: ByteString;
  /** What it is called in the archive. */
  path: ByteString;
  stat: BigIntStats;
  children: Iterator<Child, void>;
}

/**
 * Stores a directory and everything below it: a directory before its children, children in the order of their names'
 * octets. Symlinks are stored and never followed; only the source's own path is resolved (see `locate`).
 *
 * A directory that gains, loses or renames entries while it is walked has changed: an entry that is renamed from what is
 * still to be read to what was read before would be missing without a trace.
 *
 * @throws DepotError 'source-failed', 'source-changed', 'source-empty' (no files at all, unless `allowEmpty`)
 */
export function* packDirectory(context: FileContext & { source: DirectorySource }, path: ByteString): Generator<Chunk, void> {
  const { reading, source } = context;
  const root = locate(source.path, 'directory');
  const isExcluded = excluder(source.exclude);
  const stack: Level[] = [];
  let empty = true;
  yield* enter(context, stack, root, path);
  for (let level = stack.at(-1); level; level = stack.at(-1)) {
    const { value: child } = level.children.next();
    if (!child) {
      stack.pop();
      checkUnchanged(context, level);
      continue;
    }
    const file = join(level.directory, child.name);
    const inside = join(level.path, child.name);
    if (isExcluded?.(inside.slice(path.length + 1) as ByteString, child.kind === 'directory')) continue;
    if (child.kind !== 'directory') empty = false;
    switch (child.kind) {
      case 'directory':
        yield* enter(context, stack, file, inside);
        break;
      case 'file':
        yield* packFile(context, file, inside);
        break;
      case 'symlink':
        yield* packSymlink(context, file, inside);
        break;
      case 'socket':
      case 'fifo':
      case 'device':
      case 'unknown':
        reading.leftOut(child.kind, file);
    }
  }
  if (empty && !source.allowEmpty) throw emptyError(source, 'the directory holds no files');
}

/** Stores the directory's own entry and makes it the one that is walked next. */
function* enter(context: FileContext, stack: Level[], directory: ByteString, path: ByteString): Generator<Chunk, void> {
  const stat = look(context, directory);
  if (stat === null) return;
  if (!stat.isDirectory()) {
    context.reading.changed(context.source, directory, 'is no longer a directory; it is not in the dataset');
    return;
  }
  yield* context.archive.withoutContent(header(path, 'directory', stat, null));
  stack.push({ directory, path, stat, children: listChildren(context, directory) });
}

function* packSymlink(context: FileContext, file: ByteString, path: ByteString): Generator<Chunk, void> {
  const stat = look(context, file);
  if (stat === null) return;
  let target: Buffer;
  try {
    target = readlinkSync(toPath(file), { encoding: 'buffer' });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) context.reading.vanished(context.source, file);
    else if (hasCode(error, 'EINVAL')) context.reading.changed(context.source, file, 'is no longer a symlink; it is not in the dataset');
    else throw unreadable(file, error);
    return;
  }
  yield* context.archive.withoutContent(header(path, 'symlink', stat, fromBytes(target)));
}

function header(path: ByteString, type: 'directory' | 'symlink', stat: BigIntStats, linkTarget: ByteString | null): TarHeader {
  return { path, type, size: 0, mode: Number(stat.mode) & 0o7777, mtimeNs: stat.mtimeNs, linkTarget };
}

/** `lstat`; null when it vanished, where that is allowed. */
function look({ reading, source }: FileContext, file: ByteString): BigIntStats | null {
  try {
    return lstatSync(toPath(file), { bigint: true });
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw unreadable(file, error);
    reading.vanished(source, file);
    return null;
  }
}

function checkUnchanged(context: FileContext, { directory, stat }: Level): void {
  const now = look(context, directory);
  if (now === null) return;
  if (now.ino !== stat.ino || now.dev !== stat.dev) context.reading.changed(context.source, directory, 'was replaced while it was read');
  else if (now.mtimeNs !== stat.mtimeNs) context.reading.changed(context.source, directory, 'changed while it was read: entries came, went or were renamed');
}

/**
 * How many names of one directory are held at a time. A larger directory is listed again for the next so many: its names
 * must come in order, by which readers see that none comes twice, and memory must not grow with it.
 */
const BATCH = 200_000;

/** The children in the order of their octets. */
function* listChildren(context: FileContext, directory: ByteString): Generator<Child, void> {
  for (let last: ByteString | null = null; ; ) {
    const batch: Batch | null = nextBatch(context, directory, last);
    if (batch === null) return;
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

/** The first `BATCH` names after `last`; null when the directory vanished, where that is allowed. */
function nextBatch({ reading, source }: FileContext, directory: ByteString, last: ByteString | null): Batch | null {
  try {
    try {
      return readNames(directory, 'latin1', last);
    } catch (error) {
      if (hasCode(error, 'EACCES', 'EPERM', 'ENOTDIR')) throw error;
      // Some file systems do not say what an entry is; then Node looks, by a name that it takes for text, and finds nothing. By
      // a Buffer it finds it. Not so from the beginning, for Buffers take three times as long.
      return readNames(directory, 'buffer', last);
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw unreadable(directory, error);
    reading.vanished(source, directory);
    return null;
  }
}

function readNames(directory: ByteString, encoding: 'latin1' | 'buffer', last: ByteString | null): Batch {
  const batch: Batch = { names: [], others: new Map(), more: false };
  const listing = opendirSync(toPath(directory), { encoding: encoding as BufferEncoding, bufferSize: 1024 });
  try {
    for (let child = listing.readSync(); child !== null; child = listing.readSync()) {
      const asked: string | Uint8Array = child.name; // @types/node knows only strings
      const name = typeof asked === 'string' ? (asked as ByteString) : fromBytes(asked);
      if (last !== null && name <= last) continue;
      batch.names.push(name);
      if (!child.isFile()) batch.others.set(name, kindOf(child));
      if (batch.names.length === 2 * BATCH) keepFirst(batch);
    }
  } finally {
    listing.closeSync();
  }
  keepFirst(batch);
  return batch;
}

function keepFirst(batch: Batch): void {
  batch.names.sort();
  for (const name of batch.names.splice(BATCH)) {
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
