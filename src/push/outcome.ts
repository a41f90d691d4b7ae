import { DepotError, isDepotError } from '../errors.js';
import { logInfo } from '../log.js';
import type { SecretKey } from '../pgp/certificate.js';
import { signDetached } from '../pgp/signature.js';
import { coverBytes } from '../receipt/cover.js';
import { sidecarNames, timestamp } from '../names/deposit.js';
import { baseOf, removePending, writePending, type PendingRecord } from '../state/pending.js';
import { receiptNotWritten, recordReceipt, type RecordedReceipt } from '../state/record.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import type { Ledger } from '../state/ledger.js';
import type { ReceiptDraft } from '../receipt/schema.js';
import type { Transfer } from '../sftp/types.js';
import { presentable } from './receipt-draft.js';
import type { Deposit } from './push-types.js';
import type { PushContext } from './push-context.js';
import { deliverSidecars, rememberLost, type SidecarsRecord } from './sidecars.js';
import { removeSpool } from './spool-file.js';
import { step } from './steps.js';

export type AnsweredRecord = Extract<PendingRecord, { stage: 'published' | 'unconfirmed' }>;

/**
 * From here on nothing is given up: the deposit is, or may be, at the agent, and what is left can be done later.
 * @throws DepotError 'unconfirmed', 'receipt-not-written', 'sidecars-pending', or the signal's, at the end
 */
export async function recordOutcome(
  context: PushContext,
  intent: PendingRecord,
  draft: ReceiptDraft,
  answer: Transfer,
): Promise<Deposit> {
  const { o, state } = context;
  const { depositId } = intent;
  const { reason, hint, ...transfer } = answer;
  const unconfirmed = transfer.status === 'unconfirmed';
  context.hooks.phase('finishing', 'writing the receipt');
  const record = answered({ ...intent, draft }, transfer);
  const { receipt, path } = await fileReceipt(context, record);
  step('receipt-filed');
  logInfo(receipt.arrangement, `the receipt is ${path}, line ${receipt.ledger.sequence} of the ledger`);
  if (unconfirmed) {
    throw new DepotError('unconfirmed', reason ?? "the server's last answer was lost", {
      published: 'unknown',
      depositId,
      hint: hint ?? `run: «depot push ${o.arrangement.name}»; it checks again and settles it`,
    });
  }
  if (o.arrangement.remote.sidecars) {
    await deliverSidecars(context, sidecarsOf(record));
  } else {
    await rememberLost(context, []);
    await removePending(state, depositId);
  }
  step('settled');
  if (o.signal.aborted) throw interruptedAfter(o.signal, depositId);
  return { depositId, suitcase: receipt.suitcase.name, receiptPath: path, receipt };
}

/** A record with the server's answer. A clock that was set back must not make a receipt that ended before it began. */
export function answered(
  record: PendingRecord & { draft: ReceiptDraft },
  transfer: AnsweredRecord['transfer'],
): AnsweredRecord {
  const start = record.draft.startedAt;
  const completedAt = [timestamp(new Date()), start].sort().at(-1)!;
  return { ...record, stage: transfer.status === 'unconfirmed' ? 'unconfirmed' : 'published', transfer, completedAt };
}

/** The server's answers, then the receipt, then the end of the spool: a crash anywhere is taken up by the next run. */
export async function fileReceipt(
  { state, ledger, keys }: PushContext,
  record: AnsweredRecord,
): Promise<RecordedReceipt> {
  await writePending(state, record).catch((error: unknown) => {
    throw isDepotError(error) ? receiptNotWritten(record, error) : error;
  });
  step('outcome-written');
  const recorded = await signReceipt(state, ledger, keys.signer, record);
  await removeSpool(state, record);
  return recorded;
}

export function signReceipt(
  state: ArrangementState,
  ledger: Ledger,
  signer: SecretKey,
  { draft: before, transfer, completedAt }: AnsweredRecord,
): Promise<RecordedReceipt> {
  const draft = presentable(before, signer);
  const sign = (bytes: Uint8Array): Promise<string> => signDetached(bytes, signer);
  return recordReceipt({ state, ledger, draft, transfer, completedAt, cover: coverBytes(draft), sign });
}

/** What is left to do once the receipt is filed: neither draft nor spool is needed for it. */
export function sidecarsOf(record: PendingRecord): SidecarsRecord {
  return { ...baseOf(record), stage: 'sidecars', remainingSidecars: sidecarNames(record.depositId) };
}

function interruptedAfter(signal: AbortSignal, depositId: string): DepotError {
  const reason: unknown = signal.reason;
  const [code, what] = isDepotError(reason) ? [reason.code, reason.message] : (['interrupted', 'interrupted'] as const);
  return new DepotError(code, `${what} after the deposit was complete; its receipt is written`, {
    published: 'yes',
    depositId,
  });
}
