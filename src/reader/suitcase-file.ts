import { access, constants, open, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DepotError } from '../errors.js';
import { readPreamble, type Preamble } from '../pgp/preamble.js';
import { printable } from '../printable.js';
import { lookLine } from '../shell.js';

const READ_BYTES = 64 * 1024;
const PIECE_BYTES = 1 << 20;

/** A suitcase file, read as far as is needed to know who can open it. */
export interface SuitcaseFile {
  handle: FileHandle;
  preamble: Preamble;
  /** Everything read so far; the handle stands right behind it. */
  consumed: Uint8Array;
  /** Null for what is not a regular file and has no size. */
  bytes: number | null;
}

/** Opens a suitcase; the caller closes the handle. @throws DepotError 'local-unreadable', 'verification-failed' */
export async function openSuitcaseFile(path: string): Promise<SuitcaseFile> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw unreadable(path, new Error('it is a directory'));
    const pieces: Uint8Array[] = [];
    const preamble = await readPreamble(async () => {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(READ_BYTES), 0, READ_BYTES, null);
      if (bytesRead === 0) return null;
      pieces.push(buffer.subarray(0, bytesRead));
      return buffer.subarray(0, bytesRead);
    });
    return { handle, preamble, consumed: Buffer.concat(pieces), bytes: stat.isFile() ? stat.size : null };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** All of it, from its first byte on; each piece is good until the next. */
export async function* piecesOf({ handle, consumed }: SuitcaseFile, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  yield consumed;
  const buffer = new Uint8Array(PIECE_BYTES);
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Throws what `openSuitcaseFile` would throw of a file that is not there or may not be read. */
export async function requireReadable(path: string): Promise<void> {
  await access(path, constants.R_OK).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

export function unreadable(path: string, cause: unknown): DepotError {
  const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  return new DepotError(
    'local-unreadable',
    `cannot read ${printable(path)}: ${missing ? 'there is no such file' : (cause as Error).message}`,
    { hint: `see what is there: «${lookLine(dirname(resolve(path)))}»`, cause },
  );
}
