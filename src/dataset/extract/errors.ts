import { DepotError, isDepotError } from '../../errors.js';
import { toBytes, type ByteString } from '../bytestring.js';
import { notRead, refused, shown } from '../tar/format.js';

/** What file systems answer to a name that they cannot hold. */
export const NOT_POSSIBLE = ['EINVAL', 'EILSEQ', 'ENAMETOOLONG', 'ENOENT'];

/** What an error of `node:fs` means for the entry at `path` in the archive. */
export function extractError(error: unknown, path: ByteString): DepotError {
  if (isDepotError(error)) return error;
  const code = errnoOf(error) || 'unknown error';
  const name = shown(toBytes(path));
  switch (code) {
    case 'EEXIST':
    case 'EISDIR':
      return refused(`an entry's name is taken by an earlier one: ${name}`);
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

/** `ENOENT` and the like; empty for what is no error of the system. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
