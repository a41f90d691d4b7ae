import type { FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { DepotError } from '../errors.js';
import { openPlain } from '../plain-file.js';
import { printable } from '../printable.js';
import { typedWord } from '../shell.js';
import { LARGEST_GIVEN_FILE } from './limits.js';

export { LARGEST_GIVEN_FILE } from './limits.js';

/**
 * Reads a file that other people made, or what a shell's `<(…)` gives, without taking in more than `limit` octets. `check` sees what was opened, and
 * may throw, before anything is read.
 *
 * @throws whatever open and read throw; DepotError 'local-unreadable' when there is more, or it is a fifo or a device
 */
export async function readBoundedFile(
  path: string,
  check: (opened: Stats) => void = () => undefined,
  limit = LARGEST_GIVEN_FILE,
): Promise<Buffer> {
  const handle = await openPlain(path);
  try {
    const opened = await handle.stat();
    check(opened);
    return await readAll(handle, path, limit);
  } finally {
    await handle.close();
  }
}

async function readAll(handle: FileHandle, path: string, limit: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, null);
    if (bytesRead === 0) break;
    length += bytesRead;
    if (length > limit) {
      throw new DepotError(
        'local-unreadable',
        `${printable(path)} has more than ${limit} octets, which no key, signature or receipt has`,
        { hint: `look what it is: «ls -l ${typedWord(path)}»` },
      );
    }
    pieces.push(buffer.subarray(0, bytesRead));
  }
  const whole = Buffer.concat(pieces);
  for (const piece of pieces) piece.fill(0);
  return whole;
}
