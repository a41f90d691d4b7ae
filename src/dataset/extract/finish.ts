import { chmodSync, lstatSync, lutimesSync, symlinkSync, utimesSync } from 'node:fs';
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

/** Gives a directory its mode and time. Everything in it was made before. */
export function settleDirectory(directory: Deferred, locate: Locate): void {
  const settle = (): void => {
    const where = locate(directory.path);
    utimesSync(where, timestamp(directory.mtimeNs), timestamp(directory.mtimeNs));
    chmodSync(where, directory.mode);
  };
  try {
    settle();
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw extractError(error, directory.path);
    passing(directory.path, locate, settle);
  }
}

/** Runs `action` while the directories above `path` can be passed: one that may not be was settled before. */
function passing(path: ByteString, locate: Locate, action: () => void): void {
  const closed: { where: string | Buffer; mode: number }[] = [];
  try {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const where = locate(path.slice(0, slash) as ByteString);
      const mode = lstatSync(where).mode & 0o777;
      if ((mode & 0o100) !== 0) continue;
      closed.push({ where, mode });
      chmodSync(where, mode | 0o100);
    }
    action();
  } catch (error) {
    throw extractError(error, path);
  } finally {
    for (const { where, mode } of closed.reverse()) chmodSync(where, mode);
  }
}
