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
export type Filed = Pick<ListedReceipt, 'depositId' | 'sha256'> & { receipt: ReportedReceipt };

/** Each receipt is read once. A ledger that is too broken to be read is something that the page says, not a reason to have no page. */
export async function auditAndReceipts(
  state: ArrangementState,
  checkSignature: SignatureCheck | undefined,
  ledger: LedgerFile,
): Promise<Audited> {
  const receipts: Filed[] = [];
  let unreadable = 0;
  const once = keptOnce();
  const add = ({ depositId, sha256, superseded }: Omit<ListedReceipt, 'receipt'>, receipt: Receipt): void => {
    if (superseded === null) receipts.push({ depositId, sha256, receipt: shownOf(receipt, once) });
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
function shownOf(r: Receipt, once: <T>(value: T) => T): ReportedReceipt {
  const { entries, bytes, complete } = r.dataset;
  const { status, remoteSize } = r.transfer;
  const shown: ReportedReceipt = {
    depositId: r.depositId,
    arrangement: once(r.arrangement),
    supplier: once(r.supplier),
    startedAt: r.startedAt,
    completedAt: r.completedAt,
    suitcase: { bytes: r.suitcase.bytes, sha256: r.suitcase.sha256 },
    encryption: once(r.encryption),
    dataset: { entries, bytes, complete },
    transfer: once({ status, remoteSize }),
    ledger: { sequence: r.ledger.sequence },
  };
  // Not spread into it: V8 would keep a hidden class for each of twenty thousand, which is as much as all that they hold.
  if (r.chain !== undefined) shown.chain = r.chain;
  if (r.rehearsed !== undefined) shown.rehearsed = r.rehearsed;
  return shown;
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
