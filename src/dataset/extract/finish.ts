import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  openSync,
  symlinkSync,
} from 'node:fs';
import { toBytes, type ByteString } from '../bytestring.js';
import { refused, shown } from '../tar/refused.js';
import { errnoOf, extractError } from './errors.js';
import { onDisk } from './parents.js';
import type { Deferred } from './spool.js';
import { timestamp } from './timestamp.js';

/** The place on disk of a path in the archive, with nothing but real directories above. */
type Locate = (path: ByteString) => ByteString;

const onWindows = process.platform === 'win32';
const DIRECTORY = constants.O_RDONLY | (onWindows ? 0 : constants.O_DIRECTORY | constants.O_NOFOLLOW);

/** What FAT, some network shares, and Windows without the privilege answer. */
const UNABLE = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'];

/**
 * Makes a symlink, its target as it is. Nothing else is made after the symlinks, so nothing passes through one.
 *
 * @returns false, with a warning, where this system has no symlinks
 */
export function makeSymlink(link: Deferred, place: ByteString, warn: (message: string) => void): boolean {
  const where = onDisk(place);
  try {
    symlinkSync(onDisk(link.target), where);
  } catch (error) {
    if (!UNABLE.includes(errnoOf(error) ?? '')) throw extractError(error, link.path, place);
    warn(`symlinks cannot be made here: ${shown(toBytes(link.path))} would point to ${shown(toBytes(link.target))}`);
    return false;
  }
  try {
    lutimesSync(where, timestamp(link.mtimeNs), timestamp(link.mtimeNs));
  } catch {
    // Not every system lets the time of a link be set; nobody looks at it.
  }
  return true;
}

/**
 * Gives an open file or directory its mode and time, and closes it.
 *
 * @returns false where this file system cannot keep them (FAT refuses most modes)
 */
export function settleOpen({ fd, mode, mtimeNs }: { fd: number; mode: number; mtimeNs: bigint }): boolean {
  try {
    const time = timestamp(mtimeNs);
    const timed = kept(() => futimesSync(fd, time, time));
    return kept(() => fchmodSync(fd, mode)) && timed;
  } finally {
    closeSync(fd);
  }
}

/**
 * Gives a directory its mode and time: that one, and not what a link in its place leads to. Everything in it was made before.
 *
 * @returns false where this file system cannot keep them
 */
export function settleDirectory(directory: Deferred, locate: Locate): boolean {
  const settle = (): boolean => {
    const where = onDisk(locate(directory.path));
    return onWindows ? settleByName(directory, where) : settleOpen({ ...directory, fd: openSync(where, DIRECTORY) });
  };
  try {
    return settle();
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw extractError(error, directory.path);
    return opened(directory.path, locate, settle);
  }
}

/** Windows opens no directories. */
function settleByName({ path, mode, mtimeNs }: Deferred, where: string | Buffer): boolean {
  requireDirectory(where, path);
  const timed = kept(() => lutimesSync(where, timestamp(mtimeNs), timestamp(mtimeNs)));
  return kept(() => chmodSync(where, mode)) && timed;
}

function kept(set: () => void): boolean {
  try {
    set();
    return true;
  } catch (error) {
    if (!UNABLE.includes(errnoOf(error) ?? '')) throw error;
    return false;
  }
}

/** Runs `action` while the directory at `path` can be opened: it, or one above it, may have been settled before, and be closed now. */
function opened<T>(path: ByteString, locate: Locate, action: () => T): T {
  const closed: { where: string | Buffer; mode: number }[] = [];
  try {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const above = path.slice(0, slash) as ByteString;
      const where = onDisk(locate(above));
      const mode = requireDirectory(where, above);
      if ((mode & 0o100) !== 0) continue;
      closed.push({ where, mode });
      chmodSync(where, mode | 0o100);
    }
    const where = onDisk(locate(path));
    chmodSync(where, requireDirectory(where, path) | 0o400);
    return action();
  } catch (error) {
    throw extractError(error, path);
  } finally {
    for (const { where, mode } of closed.reverse()) chmodSync(where, mode);
  }
}

/** The mode of what is a directory and no link to one. */
function requireDirectory(where: string | Buffer, path: ByteString): number {
  const found = lstatSync(where);
  if (!found.isDirectory())
    throw refused(`an entry lies below something that is not a directory: ${shown(toBytes(path))}`);
  return found.mode & 0o7777;
}
