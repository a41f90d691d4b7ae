/** The page on disk: whole or not at all, for the account's eyes, and in the place of nothing but an older report. */
import { createHash } from 'node:crypto';
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
    new DepotError('output-exists', `${printable(file)} ${what}, and depot replaces only reports`, {
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
  if (!beginning.includes(reportMark)) throw refuse('already exists');
}

/** So many characters are written at a time. */
const atOnce = 256 * 1024;

/** Writes `file` (0600) under a temporary name beside it and renames; what it came to. @throws DepotError 'local-disk-full', 'local-not-writable' */
export async function writeReport(file: string, page: Iterable<string>): Promise<{ bytes: number; sha256: string }> {
  await requireReplaceable(file);
  const digest = createHash('sha256');
  let bytes = 0;
  function* encoded(): Generator<Uint8Array, void> {
    for (const text of gathered(page)) {
      const piece = Buffer.from(text);
      digest.update(piece);
      bytes += piece.length;
      yield piece;
    }
  }
  await writeFileAtomic(file, encoded()).catch((error: unknown) => {
    if (!isDepotError(error, 'local-not-writable') || errorCode(error.cause) !== 'ENOENT') throw error;
    throw new DepotError(
      'local-not-writable',
      `cannot write ${printable(file)}: there is no directory ${printable(path.dirname(file))}`,
      { hint: `make it first: «${mkdirLine(path.dirname(file))}»`, cause: error },
    );
  });
  return { bytes, sha256: digest.digest('hex') };
}

function* gathered(page: Iterable<string>): Generator<string, void> {
  let text = '';
  for (const piece of page) {
    text += piece;
    if (text.length < atOnce) continue;
    yield text;
    text = '';
  }
  yield text;
}
