import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { localError } from '../durable-file.js';
import type { Limit } from '../open/opening.js';
import { inMebibytes, printable } from '../printable.js';
import type { Receipt } from '../receipt/schema.js';
import { allowedBytes, allowedEntries, contentLimit, entryLimit, twice } from './limits.js';

/** What bounds an opening, so that a bomb does no harm. */
export type Limits = Record<'maxBytes' | 'maxWritten' | 'maxEntries', Limit | null>;

/**
 * How much may come out: what the user allows, else what a receipt with a `proven` origin says, else what there is room
 * for. Copies of hard links, of which no receipt tells, may take what there is room for.
 */
export async function limitsOf(
  o: { maxSize?: number | undefined },
  proven: Receipt | null,
  out: string | null,
): Promise<Limits> {
  const user = o.maxSize === undefined ? null : allowedBytes(o.maxSize, 'user');
  const room = out === null ? null : await roomAt(out, roomForBytes);
  const roomForMore = out === null ? null : await roomAt(out, roomForEntries);
  return {
    maxBytes: user ?? (proven === null ? room : allowedBytes(contentLimit(proven.dataset), 'receipt')),
    maxWritten: user ?? room,
    maxEntries: proven === null ? roomForMore : allowedEntries(entryLimit(proven.dataset)),
  };
}

function roomAt<T>(out: string, room: (directory: string) => Promise<T>): Promise<T> {
  return room(dirname(out)).catch((error: unknown) => {
    throw localError(error, 'create', out);
  });
}

/** How much content may be written there: all that there is room for. */
async function roomForBytes(directory: string): Promise<Limit> {
  const { bavail, bsize } = await statfs(directory);
  const most = bavail * bsize;
  const or = `; or, since long runs of zeros become holes, allow more than there is room for: --max-size ${twice(most)}`;
  return { most, exceeded: tooSmall(directory, inMebibytes(most), or) };
}

/** How many files, leaving some for everybody else; null where the file system does not count them (it says 0). */
async function roomForEntries(directory: string): Promise<Limit | null> {
  const { files, ffree } = await statfs(directory);
  if (files === 0 || ffree === 0) return null;
  const most = Math.max(0, ffree - Math.ceil(files / 20));
  return { most, exceeded: tooSmall(directory, `${most} files`) };
}

function tooSmall(directory: string, room: string, or = ''): Limit['exceeded'] {
  return {
    code: 'local-disk-full',
    message: `not enough room for the contents: ${room} free on the file system of ${printable(directory)}; nothing was kept`,
    hint: `free space there, or choose another disk with --out${or}`,
  };
}
