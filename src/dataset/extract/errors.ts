import { opendirSync } from 'node:fs';
import { DepotError, isDepotError } from '../../errors.js';
import { fromBytes, toBytes, type ByteString } from '../bytestring.js';
import { notRead, refused, shown } from '../tar/format.js';
import { onDisk, parted } from './parents.js';

/** What an error of `node:fs` means for the entry at `path` in the archive, which was to be at `place` on disk. */
export function extractError(error: unknown, path: ByteString, place?: ByteString): DepotError {
  if (isDepotError(error)) return error;
  const code = errnoOf(error) || 'unknown error';
  const name = shown(toBytes(path));
  switch (code) {
    case 'EEXIST':
    case 'EISDIR':
      return taken(path, place, `an entry's name is taken by an earlier one: ${name}`);
    case 'ENOTDIR':
    case 'ELOOP':
      return refused(notBelowDirectory(path));
    case 'ENAMETOOLONG':
    case 'EILSEQ':
    case 'EINVAL':
      return notRead(
        `this file system cannot hold an entry's name: ${name}`,
        'choose an --out directory on another file system, or with a shorter path',
      );
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new DepotError('local-disk-full', `no room for ${name} (${code})`, {
        hint: 'choose an --out directory on a larger disk',
        cause: error,
      });
    default:
      return new DepotError('local-not-writable', `cannot write ${name} (${code})`, {
        hint: 'choose another --out directory',
        cause: error,
      });
  }
}

export function notBelowDirectory(path: ByteString): string {
  return `an entry lies below something that is not a directory: ${shown(toBytes(path))}`;
}

/** An entry meets another: of its name (`message`), or because this file system takes two names for one. */
export function taken(
  path: ByteString,
  place: ByteString | undefined,
  message: string,
  isRenamed = place !== undefined && parted(path).name !== parted(place).name,
): DepotError {
  if (place === undefined || (!isRenamed && isListed(place))) return refused(message);
  return notRead(
    `an entry's name is taken by another one that differs from it, but not on this file system (capitals, accents, characters that it does not keep): ${shown(toBytes(path))}`,
    'choose an --out directory on a file system that tells them apart, such as ext4, XFS or a case-sensitive APFS',
  );
}

/** Whether the directory has this very name, and not only one that leads to the same file. */
function isListed(place: ByteString): boolean {
  const { directory, name } = parted(place);
  try {
    const listing = opendirSync(onDisk(directory), { encoding: 'buffer' as BufferEncoding });
    try {
      for (let child = listing.readSync(); child !== null; child = listing.readSync()) {
        if (fromBytes(child.name as unknown as Uint8Array) === name) return true;
      }
      return false;
    } finally {
      listing.closeSync();
    }
  } catch {
    // Then the worse of the two is said.
    return true;
  }
}

/** `ENOENT` and the like; empty for what is no error of the system. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
