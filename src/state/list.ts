/** Finding receipts: what an incident report or `receipts show` needs. */
import { basename } from 'node:path';
import { DepotError, isDepotError } from '../errors.js';
import { parseReceiptName, receiptName } from '../names/deposit.js';
import { destroyedIn, linesOf, readLedger, type LedgerFile, type LedgerLine } from './ledger.js';
import { lastRun } from './runs.js';
import { type Chain, followChain, wholeNight } from '../receipt/chain.js';
import { parseReceipt } from '../receipt/parse.js';
import type { Receipt } from '../receipt/schema.js';
import { readStoredReceipt, type ArrangementState, type StoredReceipt } from './arrangement-state.js';
import { receiptFiles } from './receipt-files.js';

/** A receipt with the bytes that it was read from. */
export interface ReceiptOnFile extends StoredReceipt {
  receipt: Receipt;
}

/** Of all receipts, the bytes would be as much again. */
export type ListedReceipt = Omit<ReceiptOnFile, 'bytes' | 'signature'>;

/** Receipts that count, oldest first; unreadable files apart. */
export async function listReceipts(
  state: ArrangementState,
): Promise<{ receipts: ListedReceipt[]; unreadable: { path: string; reason: string }[] }> {
  const receipts: ListedReceipt[] = [];
  const unreadable: { path: string; reason: string }[] = [];
  const names = (await state.names()).filter((name) => parseReceiptName(name)?.superseded === null);
  for await (const one of receiptFiles(state.directory, names, false)) {
    if ('error' in one) {
      unreadable.push({ path: one.path, reason: one.error.message });
      continue;
    }
    const { bytes, depositId, path, sha256, superseded } = one;
    try {
      receipts.push({ depositId, path, sha256, superseded, receipt: parseReceipt(bytes, basename(path)) });
    } catch (error) {
      if (!isDepotError(error)) throw error;
      unreadable.push({ path, reason: error.message });
    }
  }
  receipts.sort(byCompletion);
  return { receipts, unreadable };
}

interface Completed {
  receipt: Pick<Receipt, 'completedAt' | 'arrangement'> & { ledger: Pick<Receipt['ledger'], 'sequence'> };
}

/** By the time at which deposits were complete, then by arrangement, then by line in the ledger. */
export function byCompletion({ receipt: a }: Completed, { receipt: b }: Completed): number {
  if (a.completedAt !== b.completedAt) return a.completedAt < b.completedAt ? -1 : 1;
  if (a.arrangement !== b.arrangement) return a.arrangement < b.arrangement ? -1 : 1;
  return a.ledger.sequence - b.ledger.sequence;
}

/**
 * The newest deposit that the agent acknowledged, but for those in `without`, or null. By the receipts, since a run may
 * crash before its run record. Newest is what the ledger has last: a clock may have been ahead once.
 */
export async function newestDeposit(
  state: ArrangementState,
  without: ReadonlyMap<string, unknown> = new Map(),
): Promise<ReceiptOnFile | null> {
  return newestOf(state, linesOf(await readLedger(state)), without);
}

async function newestOf(
  state: ArrangementState,
  lines: readonly LedgerLine[],
  without: ReadonlyMap<string, unknown>,
  wanted = isAcknowledged,
): Promise<ReceiptOnFile | null> {
  const names = new Map(
    (await state.names()).flatMap((name) => {
      const parts = parseReceiptName(name);
      return parts?.superseded === null && !without.has(parts.depositId) ? [[parts.depositId, name] as const] : [];
    }),
  );
  const counts = async (depositId: string): Promise<ReceiptOnFile | null> => {
    const name = names.get(depositId);
    const found = name === undefined ? null : await readable(state, name);
    return found !== null && wanted(found) ? found : null;
  };
  const listed = new Set(lines.map(({ depositId }) => depositId));
  const last = lines.reduce((most, { sequence }) => Math.max(most, sequence), 0);
  let newest: ReceiptOnFile | null = null;
  // After a crash between receipt and line, or with a damaged ledger: these come after all that it lists.
  for (const depositId of [...names.keys()].filter((id) => !listed.has(id)).slice(-mostUnlisted)) {
    const found = await counts(depositId);
    if (found !== null && found.receipt.ledger.sequence > (newest?.receipt.ledger.sequence ?? last)) newest = found;
  }
  if (newest !== null) return newest;
  for (const { depositId, kind } of [...lines].reverse()) {
    const found = kind === 'destroyed' ? null : await counts(depositId);
    if (found !== null) return found;
  }
  return null;
}

function isAcknowledged({ receipt }: ListedReceipt): boolean {
  return receipt.transfer.status === 'acknowledged';
}

/** What was read for the newest deposit, whatever became of it: acknowledged or not, destroyed since or not. */
export async function lastDataset(
  state: ArrangementState,
): Promise<{ depositId: string; entries: number; bytes: number } | null> {
  const newest = await newestOf(state, linesOf(await readLedger(state)), new Map(), () => true);
  return newest === null ? null : { depositId: newest.depositId, ...datasetOf(newest) };
}

/** How large that dataset and its suitcase were, and whether the suitcase held all of it. */
export async function lastSizes(
  state: ArrangementState,
): Promise<{ datasetBytes: number; suitcaseBytes: number; isIncrement: boolean } | null> {
  const newest = await newestOf(state, linesOf(await readLedger(state)), new Map(), () => true);
  if (newest === null) return null;
  const { suitcase, chain } = newest.receipt;
  return {
    datasetBytes: datasetOf(newest).bytes,
    suitcaseBytes: suitcase.bytes,
    isIncrement: (chain?.number ?? 0) > 0,
  };
}

/** More without a line than a crash can leave: names sort by time, and the newest ones do. */
const mostUnlisted = 100;

/** The chain of a deposit, by the receipts that count here. */
export async function chainIn(state: ArrangementState, newest: Receipt): Promise<Chain> {
  return followChain(newest, async (id) => (await readable(state, receiptName(id)))?.receipt ?? null);
}

/** Null when it is damaged: `receipts verify` names it; for others an older one is the newest that is known. */
export async function readable(state: ArrangementState, name: string): Promise<ReceiptOnFile | null> {
  try {
    const stored = await readStoredReceipt(state.directory, name);
    return stored === null ? null : { ...stored, receipt: parseReceipt(stored.bytes, name) };
  } catch (error) {
    if (isDepotError(error)) return null;
    throw error;
  }
}

export interface LastDeposit {
  depositId: string;
  /** When it was complete. */
  finishedAt: string;
  /** Of the suitcase; null when the run did not come to know. */
  bytes: number | null;
  /** How long its run took, or what the receipt knows of that: from beginning to completion. */
  seconds: number;
  /** Whether it was opened again while it was made, by the receipt; null without one. */
  rehearsed: boolean | null;
  /** What was read from the sources, by the receipt; null without one. */
  dataset: { entries: number; bytes: number } | null;
  /** The deposit before it, when it shrank against that. */
  shrunkFrom: { depositId: string; entries: number; bytes: number } | null;
}

/**
 * The deposit that was completed last, or null: by receipts and by run records, since a run that is killed leaves no
 * record and one whose disk is full no receipt. What the agent has destroyed is no deposit any more. `ledger`: where it was read already.
 */
export async function lastDeposit(state: ArrangementState, ledger?: LedgerFile): Promise<LastDeposit | null> {
  const lines = linesOf(ledger ?? (await readLedger(state)));
  const destroyed = destroyedIn(lines);
  const run = await lastRun(
    state,
    ({ published, depositId }) => published === 'yes' && depositId !== null && !destroyed.has(depositId),
  );
  const filed = await newestOf(state, lines, destroyed);
  const byReceipt =
    filed === null
      ? null
      : {
          depositId: filed.depositId,
          finishedAt: filed.receipt.completedAt,
          bytes: filed.receipt.suitcase.bytes,
          seconds: (Date.parse(filed.receipt.completedAt) - Date.parse(filed.receipt.startedAt)) / 1000,
          rehearsed: filed.receipt.rehearsed !== undefined,
          dataset: datasetOf(filed),
          shrunkFrom: null,
        };
  if (run === null) return byReceipt;
  const byRun = {
    depositId: run.depositId!,
    finishedAt: run.finishedAt,
    bytes: run.bytes,
    seconds: run.seconds,
    rehearsed: null,
    dataset: null,
    shrunkFrom: run.dataset?.shrunk === true ? run.dataset.previous : null,
  };
  if (byReceipt === null) return byRun;
  if (byRun.depositId === byReceipt.depositId)
    return { ...byRun, rehearsed: byReceipt.rehearsed, dataset: byReceipt.dataset };
  // What the ledger lists is not newer than the last that it lists. A deposit without a receipt has only its time.
  const isListed = lines.some(({ depositId }) => depositId === byRun.depositId);
  return !isListed && byRun.finishedAt >= byReceipt.finishedAt ? byRun : byReceipt;
}

function datasetOf({ receipt }: ListedReceipt): { entries: number; bytes: number } {
  const { entries, bytes } = wholeNight(receipt);
  return { entries, bytes };
}

/** The receipt that counts of a deposit, by its id or a beginning that fits one only; 'usage' otherwise. */
export async function findReceipt(state: ArrangementState, idOrStart: string): Promise<ReceiptOnFile> {
  const ids = (await state.names()).flatMap((name) => {
    const parts = parseReceiptName(name);
    return parts?.superseded === null && parts.depositId.startsWith(idOrStart) ? [parts.depositId] : [];
  });
  const id = ids.includes(idOrStart) ? idOrStart : ids.at(0);
  if (id === undefined || (id !== idOrStart && ids.length > 1)) {
    throw new DepotError(
      'usage',
      `${id === undefined ? 'no receipt of' : 'more than one receipt begins with'} ${JSON.stringify(idOrStart)} in ${state.directory}`,
      {
        hint: `list them: «depot receipts list ${state.arrangement}»`,
      },
    );
  }
  const stored = (await state.receiptsOf(id)).find((one) => one.superseded === null);
  if (stored === undefined) throw new DepotError('local-unreadable', `the receipt of ${id} vanished while it was read`);
  return { ...stored, receipt: parseReceipt(stored.bytes, stored.path) };
}
