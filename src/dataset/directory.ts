import { lstatSync, readlinkSync, type BigIntStats } from 'node:fs';
import { fromBytes, join, toPath, type ByteString } from './bytestring.js';
import type { Chunk } from './chunks.js';
import { excluder, unusedWords } from './exclude.js';
import { packFile, type FileContext } from './file.js';
import { listChildren, type Child } from './listing.js';
import { recordedMode } from './mode.js';
import { emptyError, hasCode, locate, unreadable } from './reading.js';
import { printable } from '../printable.js';
import type { DirectorySource } from '../source.js';
import type { TarHeader } from './tar/write.js';

/** A directory that is being walked: its own entry is stored, its children are under way. */
interface Level {
  directory: ByteString;
  /** In the archive. */
  path: ByteString;
  stat: BigIntStats;
  children: Iterator<Child, void>;
}

/**
 * Stores a directory before its children, and children in the order of their names' bytes. Symlinks are stored and
 * never followed; only the source's own path is resolved (see `locate`). An entry that is renamed during the walk could
 * be missing without a trace, so a directory whose entries change has changed. @throws DepotError 'source-failed',
 * 'source-changed', 'source-empty' (no files at all, unless `allowEmpty`)
 */
export function* packDirectory(
  context: FileContext & { source: DirectorySource },
  path: ByteString,
): Generator<Chunk, void> {
  const { reading, source } = context;
  const root = locate(source.path, 'directory');
  const exclude = excluder(source.exclude, root);
  const stack: Level[] = [];
  let empty = true;
  yield* enter(context, stack, root, path);
  for (let level = stack.at(-1); level; level = stack.at(-1)) {
    if (context.chain?.increment) reading.passed();
    const child = unlessVanished(context, level.directory, () => level.children.next().value ?? null);
    if (child === null) {
      stack.pop();
      checkUnchanged(context, level);
      if (context.chain?.increment) yield* context.chain.increment.leave(level.path);
      continue;
    }
    const file = join(level.directory, child.name);
    const inside = join(level.path, child.name);
    const by = exclude?.excludes(inside.slice(path.length + 1) as ByteString, child.kind === 'directory');
    if (by) {
      reading.listing?.add(inside, { listed: 'excluded', type: child.kind, pattern: by.pattern });
      reading.excludedHere(by, child.kind === 'directory' ? null : sizeOf(child.kind, file));
      continue;
    }
    if (child.kind === 'file' || child.kind === 'symlink') empty = false;
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
        reading.listing?.add(inside, { listed: 'skipped', type: child.kind });
        reading.leftOut(child.kind, file);
    }
  }
  for (const unused of exclude?.unused() ?? [])
    reading.warn(`source ${printable(source.name)}: ${unusedWords(unused)}`);
  reading.patterns.push(...(exclude?.counts() ?? []).map((count) => ({ source: source.name, ...count })));
  if (empty && !source.allowEmpty) throw emptyError(source, 'the directory holds no files');
}

/** What a file that is left out would have added, if it can be looked at. */
function sizeOf(kind: Child['kind'], file: ByteString): number {
  if (kind !== 'file') return 0;
  try {
    return lstatSync(toPath(file)).size;
  } catch {
    return 0;
  }
}

/** Stores the directory's own entry, and walks it next. */
function* enter(
  context: FileContext & { source: DirectorySource },
  stack: Level[],
  directory: ByteString,
  path: ByteString,
): Generator<Chunk, void> {
  const stat = look(context, directory);
  if (stat === null) return;
  if (!stat.isDirectory()) {
    context.reading.changed(context.source, directory, 'is no longer a directory; it is not in the dataset');
    return;
  }
  const entry = header(path, 'directory', stat, null);
  const { archive, chain } = context;
  if (chain?.increment) yield* chain.increment.enter(entry, stat);
  else {
    yield* archive.withoutContent(entry);
    chain?.index.addWithoutContent(entry, stat);
  }
  const [root] = stack;
  if (context.source.oneFileSystem === true && root !== undefined && stat.dev !== root.stat.dev) {
    context.reading.listing?.add(path, { listed: 'skipped', type: 'mount' });
    context.reading.notCrossed(directory);
    if (chain?.increment) yield* chain.increment.leave(path);
    return;
  }
  stack.push({ directory, path, stat, children: listChildren(directory) });
}

function* packSymlink(context: FileContext, file: ByteString, path: ByteString): Generator<Chunk, void> {
  const stat = look(context, file);
  if (stat === null) return;
  let target: Buffer;
  try {
    target = readlinkSync(toPath(file), { encoding: 'buffer' });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) context.reading.vanished(context.source, file);
    else if (hasCode(error, 'EINVAL'))
      context.reading.changed(context.source, file, 'is no longer a symlink; it is not in the dataset');
    else throw unreadable(file, error);
    return;
  }
  const entry = header(path, 'symlink', stat, fromBytes(target));
  const { archive, chain } = context;
  if (chain?.increment) yield* chain.increment.symlink(entry, stat);
  else {
    yield* archive.withoutContent(entry);
    chain?.index.addWithoutContent(entry, stat);
  }
}

function header(
  path: ByteString,
  type: 'directory' | 'symlink',
  stat: BigIntStats,
  linkTarget: ByteString | null,
): TarHeader {
  return { path, type, size: 0, mode: recordedMode(stat), mtimeNs: stat.mtimeNs, linkTarget };
}

function look(context: FileContext, file: ByteString): BigIntStats | null {
  return unlessVanished(context, file, () => lstatSync(toPath(file), { bigint: true }));
}

/** What `read` returns; null when the file vanished, where that is allowed. */
function unlessVanished<T>({ reading, source }: FileContext, file: ByteString, read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw unreadable(file, error);
    reading.vanished(source, file);
    return null;
  }
}

function checkUnchanged(context: FileContext, { directory, stat }: Level): void {
  const now = look(context, directory);
  if (now === null) return;
  if (now.ino !== stat.ino || now.dev !== stat.dev)
    context.reading.changed(context.source, directory, 'was replaced while it was read');
  else if (now.mtimeNs !== stat.mtimeNs)
    context.reading.changed(context.source, directory, 'changed while it was read: entries came, went or were renamed');
}
