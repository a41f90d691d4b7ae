/** Many receipts, read one after the other: each file once, and none of it kept here. */
import { setImmediate as turn } from 'node:timers/promises';
import path from 'node:path';
import { readBoundedNow } from '../durable-file.js';
import { type DepotError, isDepotError } from '../errors.js';
import { parseReceiptName } from '../names/deposit.js';
import { sha256Hex } from '../primitives.js';
import { maxReceiptBytes } from '../receipt/parse.js';
import type { StoredReceipt } from './arrangement-state.js';

/** A receipt that could not be read. */
export interface UnreadFile extends Pick<StoredReceipt, 'depositId' | 'path' | 'superseded'> {
  error: DepotError;
}

/** So many are read before signals and timers have their turn. */
const atOnce = 64;

/** The receipts among `names`, in that order, without those that are gone by now. `signatures`: their `.asc` too. */
export async function* receiptFiles(
  directory: string,
  names: readonly string[],
  signatures: boolean,
): AsyncGenerator<StoredReceipt | UnreadFile, void> {
  let read = 0;
  for (const name of names) {
    const parts = parseReceiptName(name);
    if (parts === null) continue;
    if (++read % atOnce === 0) await turn();
    const file = path.join(directory, name);
    try {
      const bytes = readBoundedNow(file, maxReceiptBytes);
      if (bytes === null) continue;
      const signature = signatures
        ? (readBoundedNow(`${file}.asc`, maxReceiptBytes)?.toString('latin1') ?? null)
        : null;
      yield { ...parts, path: file, bytes, sha256: sha256Hex(bytes), signature };
    } catch (error) {
      if (!isDepotError(error)) throw error;
      yield { ...parts, path: file, error };
    }
  }
}
