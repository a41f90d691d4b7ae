import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { DepotError } from './errors.js';
import { printable } from './printable.js';
import { lookLine } from './shell.js';
import { LARGEST_GIVEN_FILE } from './text-file.js';

const posix = process.platform !== 'win32';
/** What a shell makes of `<(…)`, and a standard input or a terminal that is named on purpose. */
const meantToBeRead = /^\/(?:dev\/(?:fd\/\d+|stdin|tty|null)|proc\/(?:self|\d+)\/fd\/\d+)$/;

/**
 * Opens a file that somebody named, to read it. Throws 'local-unreadable' for a fifo or a device, which may never end, and
 * the system's own errors.
 */
export async function openPlain(path: string): Promise<FileHandle> {
  // What `<(…)` made must be waited for.
  return !posix || meantToBeRead.test(path) ? open(path, 'r') : openAsPlain(path, constants.O_RDONLY);
}

/** As `openPlain`, with the flags of open(2), and whatever its name: what it makes gets mode 0600. */
export async function openAsPlain(path: string, flags: number): Promise<FileHandle> {
  // Without O_NONBLOCK, opening a fifo waits for whoever has the other end.
  const handle = await open(path, posix ? flags | constants.O_NONBLOCK : flags, 0o600);
  try {
    requirePlain(path, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** As `openPlain`, at once: for many small files one after the other, of which each answer by way of a thread takes longer than the file. */
export function openPlainNow(path: string): { descriptor: number; size: number } {
  const asItIs = !posix || meantToBeRead.test(path);
  const descriptor = openSync(path, asItIs ? 'r' : constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    if (!asItIs) requirePlain(path, found);
    return { descriptor, size: found.size };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function requirePlain(path: string, found: Stats): void {
  if (found.isFile() || found.isDirectory()) return;
  const what = found.isFIFO() ? 'a fifo' : found.isSocket() ? 'a socket' : 'a device';
  throw new DepotError('local-unreadable', `${printable(path)} is ${what}, not a file`, {
    hint: `see what it is: «${lookLine(path)}»`,
  });
}

/** The whole of such a file. @throws as `openPlain` does */
export async function readPlain(path: string): Promise<Buffer> {
  const handle = await openPlain(path);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/**
 * Reads a file that other people made, or what a shell's `<(…)` gives. `check` sees what was opened, and may throw, before
 * anything is read. Throws as `openPlain` does, and 'local-unreadable' when there are more than `limit` bytes.
 */
export async function readBoundedFile(
  path: string,
  check: (opened: Stats) => void | Promise<void> = () => undefined,
  limit = LARGEST_GIVEN_FILE,
): Promise<Buffer> {
  const handle = await openPlain(path);
  try {
    const opened = await handle.stat();
    await check(opened);
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
        `${printable(path)} has more than ${limit} bytes, too many for a key, signature or receipt`,
        { hint: `see what it is: «${lookLine(path)}»` },
      );
    }
    pieces.push(buffer.subarray(0, bytesRead));
  }
  const whole = Buffer.concat(pieces);
  for (const piece of pieces) piece.fill(0);
  return whole;
}
