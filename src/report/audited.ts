/** The audit of an arrangement's ledger, and the receipts that were read for it. */
import path from 'node:path';
import { isDepotError } from '../errors.js';
import type { Receipt } from '../receipt/schema.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import { verifyLedger, type LedgerAudit, type SignatureCheck } from '../state/audit.js';
import type { LedgerFile } from '../state/ledger.js';
import { byCompletion, listReceipts, type ListedReceipt } from '../state/list.js';
import type { ReportedReceipt } from './data.js';

interface Audited {
  audit: LedgerAudit;
  /** Those that count, oldest first. */
  receipts: Filed[];
  /** How many could not be read. */
  unreadable: number;
}

/** A receipt that counts, as far as the page shows it. */
export type Filed = Omit<ListedReceipt, 'receipt'> & { receipt: ReportedReceipt };

/** Each receipt is read once. A ledger that is too broken to be read is something that the page says, not a reason to have no page. */
export async function auditAndReceipts(
  state: ArrangementState,
  checkSignature: SignatureCheck | undefined,
  ledger: LedgerFile,
): Promise<Audited> {
  const receipts: Filed[] = [];
  let unreadable = 0;
  const once = keptOnce();
  const add = (
    { depositId, path: file, sha256, superseded }: Omit<ListedReceipt, 'receipt'>,
    receipt: Receipt,
  ): void => {
    if (superseded === null)
      receipts.push({ depositId, path: file, sha256, superseded, receipt: shownOf(receipt, once) });
  };
  try {
    const audit = await verifyLedger(state, checkSignature, ledger, {
      add,
      unreadable: ({ superseded }) => (unreadable += superseded === null ? 1 : 0),
    });
    return { audit, receipts: receipts.sort(byCompletion), unreadable };
  } catch (error) {
    if (!isDepotError(error, 'ledger-broken')) throw error;
    const message = error.message.replaceAll(state.stateDirectory + path.sep, '');
    const listed = await listReceipts(state);
    listed.receipts.forEach((one) => add(one, one.receipt));
    return { audit: unauditable(message), receipts, unreadable: listed.unreadable.length };
  }
}

/** What the page shows; what all receipts of an arrangement have in common is kept once. */
function shownOf(
  { depositId, arrangement, supplier, startedAt, completedAt, encryption, chain, rehearsed, ...r }: Receipt,
  once: <T>(value: T) => T,
): ReportedReceipt {
  const { entries, bytes, complete } = r.dataset;
  const { status, remoteSize } = r.transfer;
  return {
    ...{ depositId, arrangement: once(arrangement), supplier: once(supplier), startedAt, completedAt },
    suitcase: { bytes: r.suitcase.bytes, sha256: r.suitcase.sha256 },
    encryption: once(encryption),
    dataset: { entries, bytes, complete },
    transfer: once({ status, remoteSize }),
    ledger: { sequence: r.ledger.sequence },
    ...(chain !== undefined && { chain }),
    ...(rehearsed !== undefined && { rehearsed }),
  };
}

/** The first of equal values, for all of them. */
function keptOnce(): <T>(value: T) => T {
  const kept = new Map<string, unknown>();
  return <T>(value: T): T => {
    const key = JSON.stringify(value);
    const known = kept.get(key);
    if (known !== undefined) return known as T;
    kept.set(key, value);
    return value;
  };
}

function unauditable(message: string): LedgerAudit {
  return {
    ledgerId: null,
    lines: 0,
    receipts: 0,
    newest: null,
    problems: [{ kind: 'changed', sequence: null, depositId: null, message }],
    warnings: [],
    unchecked: ['the ledger and its receipts'],
    unreadable: [],
  };
}
