/** The last step of a deposit: receipt, signature, ledger line, each on disk before the next. It may be repeated. */
import { isDeepStrictEqual } from 'node:util';
import { signatureBytes, receiptBytes } from '../receipt/canonical.js';
import type { CoverBytes } from '../outbound.js';
import { DepotError, isDepotError } from '../errors.js';
import type { Ledger, NewLine } from './ledger.js';
import { sha256Hex } from '../primitives.js';
import { parseReceipt } from '../receipt/parse.js';
import { receiptProblem, type Receipt, type ReceiptDraft } from '../receipt/schema.js';
import type { ArrangementState } from './arrangement-state.js';

export interface RecordedReceipt {
  receipt: Receipt;
  sha256: string;
  /** Absolute path of the receipt. */
  path: string;
  /** `superseded` when the deposit had a receipt and this one replaces it. */
  kind: 'deposit' | 'superseded';
}

/**
 * Files the receipt of a deposit whose suitcase is published, or possibly is. `draft`, `transfer` and `completedAt`
 * come from the pending record, so that a second attempt says the same as the first. A receipt in the ledger that says
 * something else is superseded by it; when it says the same, nothing is written. Under the arrangement's lock.
 *
 * Throws `receipt-not-written` (the deposit itself is at the agent) with the local failure as cause.
 */
export async function recordReceipt(o: {
  state: ArrangementState;
  ledger: Ledger;
  draft: ReceiptDraft;
  transfer: Receipt['transfer'];
  completedAt: string;
  cover: CoverBytes;
  sign: (receipt: Uint8Array) => Promise<string>;
}): Promise<RecordedReceipt> {
  try {
    return await file(o);
  } catch (error) {
    throw isDepotError(error) ? receiptNotWritten(o, error) : error;
  }
}

/** The deposit is, or may be, at the agent. */
export function receiptNotWritten(
  { draft, transfer }: { draft: ReceiptDraft; transfer: Receipt['transfer'] },
  cause: DepotError,
): DepotError {
  const message = `the receipt of ${draft.depositId} could not be written: ${cause.message}`;
  return new DepotError('receipt-not-written', message, {
    published: transfer.status === 'acknowledged' ? 'yes' : 'unknown',
    depositId: draft.depositId,
    hint: `${cause.hint ?? 'fix that'}, then run: «depot push ${draft.arrangement}»`,
    cause,
  });
}

async function file(o: Parameters<typeof recordReceipt>[0]): Promise<RecordedReceipt> {
  const { state, ledger, draft } = o;
  await appendUnlisted(state, ledger, draft.depositId);

  const earlier = ledger.receiptLine(draft.depositId);
  if (earlier !== null) {
    const stored = (await state.receiptsOf(draft.depositId)).find((one) => one.sha256 === earlier.receiptSha256);
    const said = stored === undefined ? null : parseReceipt(stored.bytes, stored.path);
    if (said !== null && stored !== undefined && isDeepStrictEqual(said.transfer, o.transfer)) {
      return {
        receipt: said,
        sha256: stored.sha256,
        path: stored.path,
        kind: said.ledger.sequence === earlier.sequence && earlier.kind === 'superseded' ? 'superseded' : 'deposit',
      };
    }
  }

  const receipt = assemble(draft, o.completedAt, o.transfer, ledger.nextLink());
  const bytes = receiptBytes(receipt);
  const signature = signatureBytes(await o.sign(bytes));
  await state.fileReceipt({ depositId: draft.depositId, receipt: bytes, signature, cover: o.cover });
  const line = await ledger.append(lineFor(receipt, sha256Hex(bytes), earlier?.receiptSha256));
  return {
    receipt,
    sha256: line.receiptSha256,
    path: state.file(`${draft.depositId}.receipt.json`),
    kind: line.kind === 'superseded' ? 'superseded' : 'deposit',
  };
}

/** A crash between receipt and line: the receipt is signed and may not be unsaid, so it gets its line first. */
async function appendUnlisted(state: ArrangementState, ledger: Ledger, depositId: string): Promise<void> {
  const stored = (await state.receiptsOf(depositId)).find((one) => one.superseded === null);
  if (stored === undefined || ledger.lines.some((line) => line.receiptSha256 === stored.sha256)) return;
  const receipt = parseReceipt(stored.bytes, stored.path);
  const next = ledger.nextLink();
  const { id, sequence, previousReceiptSha256 } = receipt.ledger;
  if (id !== next.id || sequence !== next.sequence || previousReceiptSha256 !== next.previousReceiptSha256) {
    throw new DepotError(
      'ledger-broken',
      `${stored.path} says that it is line ${sequence} of its ledger, but it does not fit there`,
      { hint: 'run: «depot receipts verify»' },
    );
  }
  await ledger.append(lineFor(receipt, stored.sha256, ledger.receiptLine(depositId)?.receiptSha256));
}

/** A complete receipt; throws `internal` when it breaks the schema. */
function assemble(
  draft: ReceiptDraft,
  completedAt: string,
  transfer: Receipt['transfer'],
  ledger: Receipt['ledger'],
): Receipt {
  const receipt: Receipt = { ...draft, completedAt, transfer, ledger };
  const problem = receiptProblem(receipt);
  if (problem !== null) throw new DepotError('internal', `depot wrote an invalid receipt: ${problem}`);
  return receipt;
}

/** Throws `internal` when no receipt could come of this draft: to be known before the upload, not after it. */
export function checkDraft(draft: ReceiptDraft): void {
  const transfer = {
    remoteName: draft.suitcase.name,
    status: 'acknowledged',
    remoteSize: 'matched',
    durability: 'fsynced',
  } as const;
  assemble(draft, '9999-12-31T23:59:59Z', transfer, { id: '0'.repeat(32), sequence: 1, previousReceiptSha256: null });
}

function lineFor(receipt: Receipt, digest: string, supersedes: string | undefined): NewLine {
  const line = { depositId: receipt.depositId, receiptSha256: digest, time: receipt.completedAt };
  return supersedes === undefined ? { ...line, kind: 'deposit' } : { ...line, kind: 'superseded', supersedes };
}
