/** Room on the disk for what must be written once a deposit is published. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { DepotError } from '../errors.js';
import { errorCode, localError, spaceHint, temporaryName, writeNew } from '../durable-file.js';
import type { ArrangementState } from './arrangement-state.js';

/** Receipt, signature, cover, ledger line, run record and a few pending records, in blocks of a file system. */
const BYTES_BESIDE_DRAFTS = 192 * 1024;

export interface Reserve {
  /** Frees the room; to be called just before it is needed. Never fails: what remains is cleared by the next run. */
  release(): Promise<void>;
}

/**
 * Takes the room before the CLOSE, when a full disk still means that nothing was published. Afterwards it would mean a
 * deposit without a receipt, and an acknowledgement that nothing remembers. `local-disk-full`, `local-not-writable`.
 */
export async function reserveSpace(state: ArrangementState, draftBytes: number): Promise<Reserve> {
  const file = temporaryName(state.file(path.join('pending', 'reserve')));
  const bytes = BYTES_BESIDE_DRAFTS + 4 * draftBytes;
  try {
    // Random, since zeros take no room on a file system that compresses.
    await writeNew(file, randomBytes(bytes));
  } catch (error) {
    await rm(file, { force: true }).catch(() => undefined);
    if (['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')) {
      throw new DepotError(
        'local-disk-full',
        `not enough space in ${state.directory} for the records of a deposit: it needs ${Math.ceil(bytes / 1024)} KiB`,
        { hint: spaceHint(state.directory), cause: error },
      );
    }
    throw localError(error, 'write', file);
  }
  return { release: () => rm(file, { force: true }).catch(() => undefined) };
}
