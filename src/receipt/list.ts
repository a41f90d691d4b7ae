/** Finding receipts: what an incident report or `receipts show` needs. */
import { DepotError, isDepotError } from '../errors.js';
import { parseReceiptName } from './ids.js';
import { destroyedDeposits } from './ledger.js';
import { lastRun } from './runs.js';
import { parseReceipt } from './parse.js';
import type { Receipt } from './schema.js';
import { readStoredReceipt, type ArrangementState, type StoredReceipt } from './state.js';

export interface ListedReceipt extends StoredReceipt {
  receipt: Receipt;
}

/**
 * Receipts that count (not superseded ones), completed within `from` and `to` (both included, either
 * may be left out), oldest first. Files that are no receipts are listed apart.
 */
export async function listReceipts(state: ArrangementState, range: { from?: Date; to?: Date } = {}): Promise<{ receipts: ListedReceipt[]; unreadable: { path: string; reason: string }[] }> {
  const receipts: ListedReceipt[] = [];
  const unreadable: { path: string; reason: string }[] = [];
  for (const name of await state.names()) {
    if (parseReceiptName(name)?.superseded !== null) continue;
    try {
      const stored = await readStoredReceipt(state.directory, name);
      if (stored === null) continue;
      const receipt = parseReceipt(stored.bytes, name);
      const at = new Date(receipt.completedAt);
      if ((range.from === undefined || at >= range.from) && (range.to === undefined || at <= range.to)) receipts.push({ ...stored, receipt });
    } catch (error) {
      if (!isDepotError(error)) throw error;
      unreadable.push({ path: state.file(name), reason: error.message });
    }
  }
  receipts.sort(byCompletion);
  return { receipts, unreadable };
}

/** Compares by the time at which deposits were complete; those of one second by their lines in the ledger, and of several arrangements by name. */
export function byCompletion({ receipt: a }: { receipt: Receipt }, { receipt: b }: { receipt: Receipt }): number {
  if (a.completedAt !== b.completedAt) return a.completedAt < b.completedAt ? -1 : 1;
  if (a.arrangement !== b.arrangement) return a.arrangement < b.arrangement ? -1 : 1;
  return a.ledger.sequence - b.ledger.sequence;
}

/**
 * The newest deposit that the agent acknowledged, but for those in `without`, or null: by the receipts themselves, so a run that crashed before
 * it could write its run record, and one that settled another's deposit, count too. Reads no more than it needs.
 */
export async function newestDeposit(state: ArrangementState, without: ReadonlyMap<string, unknown> = new Map()): Promise<ListedReceipt | null> {
  let newest: ListedReceipt | null = null;
  // Names sort by the time in the id, the arrangement being the same; of one second, the ledger knows which came last.
  for (const name of (await state.names()).reverse()) {
    const parts = parseReceiptName(name);
    if (parts?.superseded !== null || without.has(parts.depositId)) continue;
    if (newest !== null && withoutRandom(newest.depositId) !== withoutRandom(parts.depositId)) break;
    const stored = await readStoredReceipt(state.directory, name).catch(() => null);
    if (stored === null) continue;
    try {
      const receipt = parseReceipt(stored.bytes, name);
      if (receipt.transfer.status === 'acknowledged' && (newest === null || receipt.ledger.sequence > newest.receipt.ledger.sequence)) newest = { ...stored, receipt };
    } catch {
      // Damaged: `receipts verify` names it; here an older one is the newest that is known.
    }
  }
  return newest;
}

function withoutRandom(depositId: string): string {
  return depositId.slice(0, depositId.lastIndexOf('_'));
}

export interface LastDeposit {
  depositId: string;
  /** When it was complete. */
  finishedAt: string;
  /** Of the suitcase; null when the run did not come to know. */
  bytes: number | null;
}

/**
 * The deposit that was completed last, or null: by receipts and by run records, since a run that is killed leaves no
 * record, one whose disk is full no receipt, and one may settle what another began. What the agent has destroyed is no
 * deposit any more.
 */
export async function lastDeposit(state: ArrangementState): Promise<LastDeposit | null> {
  const destroyed = await destroyedDeposits(state);
  const run = await lastRun(state, ({ published, depositId }) => published === 'yes' && depositId !== null && !destroyed.has(depositId));
  const filed = await newestDeposit(state, destroyed);
  const byRun = run === null ? null : { depositId: run.depositId!, finishedAt: run.finishedAt, bytes: run.bytes };
  const byReceipt = filed === null ? null : { depositId: filed.depositId, finishedAt: filed.receipt.completedAt, bytes: filed.receipt.suitcase.bytes };
  if (byRun === null || byReceipt === null) return byRun ?? byReceipt;
  return byRun.finishedAt >= byReceipt.finishedAt ? byRun : byReceipt;
}

/** The receipt that counts of a deposit named by its id, or by a beginning of it that fits one only; `usage` otherwise. */
export async function findReceipt(state: ArrangementState, idOrStart: string): Promise<ListedReceipt> {
  const ids = (await state.names()).flatMap((name) => {
    const parts = parseReceiptName(name);
    return parts?.superseded === null && parts.depositId.startsWith(idOrStart) ? [parts.depositId] : [];
  });
  const id = ids.includes(idOrStart) ? idOrStart : ids.at(0);
  if (id === undefined || (id !== idOrStart && ids.length > 1)) {
    throw new DepotError('usage', `${id === undefined ? 'no receipt of' : 'more than one receipt begins with'} ${JSON.stringify(idOrStart)} in ${state.directory}`, {
      hint: `list them: «depot receipts list ${state.arrangement}»`,
    });
  }
  const stored = (await state.receiptsOf(id)).find((one) => one.superseded === null);
  if (stored === undefined) throw new DepotError('local-unreadable', `the receipt of ${id} vanished while it was read`);
  return { ...stored, receipt: parseReceipt(stored.bytes, stored.path) };
}
