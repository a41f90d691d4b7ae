/** How much of a suitcase that nobody vouches for may be unpacked in a directory: as much as there is room for. */
import { statfs } from 'node:fs/promises';
import type { Limit } from '../open/opening.js';
import { twice } from './limits.js';
import { inMebibytes, printable } from '../printable.js';

/** How many octets of content may be written there: all that the file system has. */
export async function roomForOctets(directory: string): Promise<Limit> {
  const { bavail, bsize } = await statfs(directory);
  const most = bavail * bsize;
  return {
    most,
    exceeded: tooSmall(
      directory,
      inMebibytes(most),
      `; or, since long runs of zeros become holes, allow more than there is room for: --max-size ${twice(most)}`,
    ),
  };
}

/** How many files and directories may be made there, so that some are left for everybody else; null where the file system does not count them (it then says 0). */
export async function roomForEntries(directory: string): Promise<Limit | null> {
  const { files, ffree } = await statfs(directory);
  if (files === 0 || ffree === 0) return null;
  const most = Math.max(0, ffree - Math.ceil(files / 20));
  return { most, exceeded: tooSmall(directory, `${most} files`) };
}

function tooSmall(directory: string, room: string, or = ''): Limit['exceeded'] {
  return {
    code: 'local-disk-full',
    message: `no room for the contents: ${room} free on the file system of ${printable(directory)}; nothing was kept`,
    hint: `free space there, or choose another disk with --out${or}`,
  };
}
