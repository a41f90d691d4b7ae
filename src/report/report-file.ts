/** The page on disk: whole or not at all, for the account's eyes, and in the place of nothing but an older report. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { DepotError, isDepotError } from '../errors.js';
import { printable } from '../printable.js';
import { errorCode, localError, writeFileAtomic } from '../durable-file.js';
import { mkdirLine } from '../shell.js';
import { reportMark } from './page.js';

/** The mark stands within so many bytes of the beginning. */
const markWithin = 512;

/** Throws 'output-exists' unless `file` is not there or is a report; 'local-unreadable'. */
export async function requireReplaceable(file: string): Promise<void> {
  const refuse = (what: string): DepotError =>
    new DepotError('output-exists', `${printable(file)} ${what}, and only a report is replaced`, {
      hint: 'choose another name for --out',
    });
  let beginning: string;
  try {
    const handle = await open(file, 'r');
    try {
      if (!(await handle.stat()).isFile()) throw refuse('is not a file');
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(markWithin), 0, markWithin, 0);
      beginning = buffer.toString('latin1', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw localError(error, 'read', printable(file));
  }
  if (!beginning.includes(reportMark)) throw refuse('is there already');
}

/** Writes `file` (0600) under a temporary name beside it and renames. @throws DepotError 'local-disk-full', 'local-not-writable' */
export async function writeReport(file: string, page: string): Promise<void> {
  await requireReplaceable(file);
  await writeFileAtomic(file, page).catch((error: unknown) => {
    if (!isDepotError(error, 'local-not-writable') || errorCode(error.cause) !== 'ENOENT') throw error;
    throw new DepotError(
      'local-not-writable',
      `cannot write ${printable(file)}: there is no directory ${printable(path.dirname(file))}`,
      { hint: `make it first: «${mkdirLine(path.dirname(file))}»`, cause: error },
    );
  });
}
