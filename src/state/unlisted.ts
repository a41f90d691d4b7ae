/** Deposits of which something in the state directory tells, and the ledger does not. */
import { isDepotError } from '../errors.js';
import { parseAttestationName, parseReceiptName } from '../names/deposit.js';
import { lastRun } from './runs.js';
import type { ArrangementState } from './arrangement-state.js';

/**
 * Their ids, oldest first; `lines` says how many receipts of each deposit the ledger files. Every receipt here has its
 * line, and so have the deposits of all attestations and of the newest run; only what is pending may have none yet.
 */
export async function unlistedDeposits(state: ArrangementState, lines: ReadonlyMap<string, number>): Promise<string[]> {
  const receipts = new Map<string, number>();
  /** Told of by something else: one line, then. */
  const told: string[] = [];
  for (const name of await state.names()) {
    const receipt = parseReceiptName(name);
    if (receipt !== null) receipts.set(receipt.depositId, 1 + (receipts.get(receipt.depositId) ?? 0));
    const attested = parseAttestationName(name);
    if (attested !== null) told.push(attested.depositId);
  }
  // Records of runs that cannot be read keep no deposit from being made; whoever writes the next one says so.
  const run = await lastRun(state, ({ published, depositId }) => published === 'yes' && depositId !== null).catch(
    (error: unknown) => {
      if (isDepotError(error, 'local-unreadable')) return null;
      throw error;
    },
  );
  if (run !== null) told.push(run.depositId!);
  for (const depositId of told) if (!receipts.has(depositId)) receipts.set(depositId, 1);
  const pending = new Set(await state.names('pending'));
  return [...receipts]
    .filter(([depositId, count]) => count > (lines.get(depositId) ?? 0) && !pending.has(`${depositId}.json`))
    .map(([depositId]) => depositId)
    .sort();
}
