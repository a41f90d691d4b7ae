import { chmodSync, closeSync, fchmodSync, futimesSync, lstatSync, lutimesSync, symlinkSync, utimesSync } from 'node:fs';
import { toBytes, type ByteString } from '../bytestring.js';
import { shown } from '../tar/refused.js';
import { errnoOf, extractError } from './errors.js';
import type { Deferred } from './spool.js';
import { timestamp } from './timestamp.js';

/** What `node:fs` takes for a path in the archive. */
type Locate = (path: ByteString) => string | Buffer;

/** What FAT, some network shares, and Windows without the privilege answer. */
const UNABLE = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'];

/**
 * Makes a symlink, its target as it is. Nothing else is made after the symlinks, so nothing passes through one.
 *
 * @returns false, with a warning, where this system has no symlinks
 */
export function makeSymlink(link: Deferred, where: string | Buffer, target: string | Buffer, warn: (message: string) => void): boolean {
  try {
    symlinkSync(target, where);
  } catch (error) {
    if (!UNABLE.includes(errnoOf(error) ?? '')) throw extractError(error, link.path);
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
 * Gives an open file its mode and time, and closes it.
 *
 * @returns false where this file system cannot keep them (FAT refuses most modes)
 */
export function settleFile({ fd, mode, mtimeNs }: { fd: number; mode: number; mtimeNs: bigint }): boolean {
  try {
    const time = timestamp(mtimeNs);
    const timed = kept(() => futimesSync(fd, time, time));
    return kept(() => fchmodSync(fd, mode & 0o777)) && timed;
  } finally {
    closeSync(fd);
  }
}

/**
 * Gives a directory its mode and time. Everything in it was made before.
 *
 * @returns false where this file system cannot keep them
 */
export function settleDirectory(directory: Deferred, locate: Locate): boolean {
  const settle = (): boolean => {
    const where = locate(directory.path);
    const time = timestamp(directory.mtimeNs);
    const timed = kept(() => utimesSync(where, time, time));
    return kept(() => chmodSync(where, directory.mode)) && timed;
  };
  try {
    return settle();
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw extractError(error, directory.path);
    return passing(directory.path, locate, settle);
  }
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

/** Runs `action` while the directories above `path` can be passed: one that may not be was settled before. */
function passing<T>(path: ByteString, locate: Locate, action: () => T): T {
  const closed: { where: string | Buffer; mode: number }[] = [];
  try {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const where = locate(path.slice(0, slash) as ByteString);
      const mode = lstatSync(where).mode & 0o777;
      if ((mode & 0o100) !== 0) continue;
      closed.push({ where, mode });
      chmodSync(where, mode | 0o100);
    }
    return action();
  } catch (error) {
    throw extractError(error, path);
  } finally {
    for (const { where, mode } of closed.reverse()) chmodSync(where, mode);
  }
}
