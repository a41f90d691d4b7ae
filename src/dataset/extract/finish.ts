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
import { enterable } from '../mode.js';
import { oneWord } from '../../printable.js';
import { refused, shown } from '../tar/format.js';
import { errnoOf, extractError, notBelowDirectory } from './errors.js';
import type { LocalNames } from './local-names.js';
import { onDisk } from './on-disk.js';
import { Parents } from './parents.js';
import type { Deferred, Spool } from './spool.js';
import type { Warnings } from './warnings.js';

/** The place on disk of a path in the archive, with nothing but real directories above. */
type Locate = (path: ByteString) => ByteString;

const onWindows = process.platform === 'win32';
const DIRECTORY = constants.O_RDONLY | (onWindows ? 0 : constants.O_DIRECTORY | constants.O_NOFOLLOW);

/** What FAT, some network shares, and Windows without the privilege answer. */
const UNABLE = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'];

/** What is left when all files are there: makes symlinks, gives directories their modes and times. @throws as `extractError` */
export function finishTree(deferred: Spool, root: ByteString, names: LocalNames, warnings: Warnings): void {
  makeSymlinks(deferred, root, names, warnings);
  settleDirectories(deferred, root, names, warnings);
}

/** The first half of `finishTree`. */
export function makeSymlinks(deferred: Spool, root: ByteString, names: LocalNames, warnings: Warnings): void {
  const parents = new Parents(root, names);
  for (const record of deferred.records()) {
    if (record.kind !== 'symlink') continue;
    const { path } = record;
    const link = { ...record, target: names.target(path, record.target) };
    const directory = parents.directoryOf(path);
    if (directory === null) throw refused(notBelowDirectory(path));
    try {
      names.make(path, directory, (place) => makeSymlink(link, place, (message) => warnings.add(message)));
    } catch (error) {
      throw extractError(error, path);
    }
  }
}

/** The second half of `finishTree`. Lists, too, what is not as in the archive. */
export function settleDirectories(deferred: Spool, root: ByteString, names: LocalNames, warnings: Warnings): void {
  const locate = locator(root, names);
  // A directory that comes twice (`tar -r` does that) ends as the later entry says.
  for (const record of deferred.records())
    if (record.kind === 'directory') warnings.kept(settleDirectory(record, locate));
  names.tell(warnings);
  warnings.write(root);
}

function locator(root: ByteString, names: LocalNames): Locate {
  const parents = new Parents(root, names);
  return (path) => {
    const place = parents.place(path);
    if (place === null) throw refused(notBelowDirectory(path));
    return place;
  };
}

/** Made last, so that nothing passes through one. Warns where this system has none. @throws Error of `node:fs` */
export function makeSymlink(
  link: Pick<Deferred, 'path' | 'target' | 'mtimeNs'>,
  place: ByteString,
  warn: (message: string) => void,
): void {
  const where = onDisk(place);
  try {
    symlinkSync(onDisk(link.target), where);
  } catch (error) {
    if (!UNABLE.includes(errnoOf(error))) throw error;
    const [from, to] = [link.path, link.target].map((one) => shown(toBytes(one), oneWord));
    warn(`symlinks cannot be made here: ${from} would point to ${to}`);
    return;
  }
  try {
    lutimesSync(where, timestamp(link.mtimeNs), timestamp(link.mtimeNs));
  } catch {
    // Not every system lets the time of a link be set; nobody looks at it.
  }
}

/** Gives an open file or directory its mode and time, and closes it. False where this file system cannot keep them. */
export function settleOpen({ fd, mode, mtimeNs }: { fd: number; mode: number; mtimeNs: bigint }): boolean {
  try {
    const time = timestamp(mtimeNs);
    const timed = kept(() => futimesSync(fd, time, time));
    return kept(() => fchmodSync(fd, mode)) && timed;
  } finally {
    closeSync(fd);
  }
}

/** As `settleOpen`, for a directory in which everything was made; not for what a link in its place leads to. */
function settleDirectory(directory: Deferred, locate: Locate): boolean {
  const settled = { ...directory, mode: enterable(directory.mode) };
  try {
    const where = onDisk(locate(directory.path));
    return onWindows ? settleByName(settled, where) : settleOpen({ ...settled, fd: openSync(where, DIRECTORY) });
  } catch (error) {
    throw extractError(error, directory.path);
  }
}

/** Windows opens no directories. */
function settleByName({ path, mode, mtimeNs }: Deferred, where: string | Buffer): boolean {
  if (!lstatSync(where).isDirectory()) throw refused(notBelowDirectory(path));
  const timed = kept(() => lutimesSync(where, timestamp(mtimeNs), timestamp(mtimeNs)));
  return kept(() => chmodSync(where, mode)) && timed;
}

function kept(set: () => void): boolean {
  try {
    set();
    return true;
  } catch (error) {
    if (!UNABLE.includes(errnoOf(error))) throw error;
    return false;
  }
}

/** What `Date` holds, in seconds; systems do not agree on times further away. */
const FARTHEST = 8.64e12;
const NANO = 1_000_000_000n;

/**
 * A time as `fs.utimes` takes it: seconds as a double, or as a string where negative, since Node takes a negative
 * number to mean now. A restored time is exact to the microsecond: doubles lie 0.24 µs apart in our century, and the
 * libuv of Node 20 cuts off the rest. We choose the double so that the microsecond is right. (Before 1970 libuv's
 * versions round differently, and after 2106 doubles are too far apart: there it may be off by one or two.)
 */
export function timestamp(ns: bigint): number | string {
  const below = ((ns % NANO) + NANO) % NANO;
  const whole = Number((ns - below) / NANO);
  if (whole > FARTHEST) return FARTHEST;
  if (whole < -FARTHEST) return String(-FARTHEST);
  let seconds = whole + Number(below) / 1e9;
  const distance = landed(seconds, whole) - Math.floor(Number(below) / 1000);
  if (distance !== 0)
    seconds -= Math.sign(distance) * 2 ** (Math.floor(Math.log2(Math.max(1, Math.abs(seconds)))) - 52);
  return seconds < 0 ? String(seconds) : seconds;
}

/** The microseconds after `whole` seconds that libuv makes of a double. */
function landed(seconds: number, whole: number): number {
  return Math.floor(Math.trunc((seconds - whole) * 1e9) / 1000);
}
