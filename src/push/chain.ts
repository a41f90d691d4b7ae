/** What tonight's deposit of an arrangement with `incremental:` is built on. */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ChainedDeposit } from '../dataset/chain/chain-file.js';
import type { ChainOptions } from '../dataset/increment/chain-night.js';
import { makeDirectory, writeFileAtomic } from '../durable-file.js';
import { timestamp } from '../names/deposit.js';
import { said } from '../printable.js';
import { keyDerivedFrom } from '../pgp/derived-key.js';
import { type ChainReceipt, isInChain } from '../receipt/chain.js';
import type { Receipt, ReceiptDraft } from '../receipt/schema.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import { destroyedDeposits } from '../state/ledger.js';
import { chainIn, newestDeposit } from '../state/list.js';
import { lostDeposits } from '../state/lost.js';
import { readPending } from '../state/pending.js';
import { lastRun } from '../state/runs.js';
import type { PushContext } from './push-context.js';

const FOLDER = 'index';
const TAG = `Signature: 8a477f597d28d172789f06886806bc55
# An index of depot: what the last deposits hold, so that the next one uploads only what changed. You may delete it.
`;

type Incremental = NonNullable<PushContext['o']['arrangement']['incremental']>;

const AS_ASKED = 'you asked for it with --full';
const IS_FIRST = 'it is the first';

/** `whyFull`: why it is built on nothing, null where it is an increment. */
export interface Tonight {
  options: ChainOptions;
  whyFull: string | null;
}

/** Null for an arrangement without `incremental:`. `mustBeFull`: why nothing else will do. */
export async function chainFor(
  { o, state, keys, ledgerId, hooks }: Pick<PushContext, 'o' | 'state' | 'keys' | 'hooks'> & { ledgerId: string },
  { depositId, startedAt, mustBeFull }: { depositId: string; startedAt: Date; mustBeFull?: string | undefined },
): Promise<Tonight | null> {
  const { incremental } = o.arrangement;
  if (incremental === undefined) return null;
  const folder = state.file(FOLDER);
  await makeDirectory(folder);
  // Of pushes that were killed: those of many nights would fill the disk.
  await clearIndexes({ state, hooks });
  await writeFileAtomic(path.join(folder, 'CACHEDIR.TAG'), TAG);
  const recipients = keys.recipients.map(({ subkeyFingerprint }) => subkeyFingerprint).sort();
  const found = mustBeFull ?? (o.full === true ? AS_ASKED : await baseFor(state, incremental, recipients, startedAt));
  const [base, whyFull] = typeof found === 'string' ? [null, found] : [found, null];
  // A dry run says it at its end.
  if (whyFull !== null && !o.dryRun) hooks.warn(fullWords(whyFull));
  if (base?.late === true)
    hooks.warn(
      'a full deposit is due, but the last run failed, so this is another increment; the next run tries a full one again',
      'act',
    );
  const options = {
    index: indexFile(state, depositId),
    key: await keyDerivedFrom(keys.signer, Buffer.from(ledgerId, 'hex'), 'depot index 1', startedAt),
    recipients,
    base: base && { index: indexFile(state, base.receipt.depositId), deposits: base.deposits },
    reread: base !== null && (o.reread === true || isRereadDue(base.receipt, incremental, startedAt)),
    startedAt: timestamp(startedAt),
  };
  return { options, whyFull };
}

/** Why a deposit in a state without a ledger is full; null for an arrangement without `incremental:`. */
export function whyFirst({ arrangement, full }: PushContext['o']): string | null {
  if (arrangement.incremental === undefined) return null;
  return full === true ? AS_ASKED : IS_FIRST;
}

/** Whoever asks for what only `incremental:` knows may believe that it is on. */
export function tellOfNoChain({ arrangement, full, reread }: PushContext['o'], { warn }: PushContext['hooks']): void {
  if (arrangement.incremental !== undefined || (full !== true && reread !== true)) return;
  warn('there is no incremental:, so every deposit is full and reads everything');
}

/** That a deposit is full although increments are wanted costs time, and is no fault. */
export function fullWords(why: string): string {
  return `this is a full deposit: ${why}`;
}

function indexFile(state: ArrangementState, depositId: string): string {
  return state.file(path.join(FOLDER, `${depositId}.index`));
}

interface Base {
  receipt: ChainReceipt;
  /** The full deposit, its increments, and the base itself. */
  deposits: ChainedDeposit[];
  /** A full deposit would have been due. */
  late: boolean;
}

/** The newest acknowledged deposit, if tonight's may be built on it; else why not. */
async function baseFor(
  state: ArrangementState,
  incremental: Incremental,
  recipients: readonly string[],
  now: Date,
): Promise<Base | string> {
  const destroyed = await destroyedDeposits(state);
  const newest = (await newestDeposit(state, destroyed))?.receipt;
  if (newest === undefined) return IS_FIRST;
  if (!isInChain(newest)) return 'the last deposit was not made for increments';
  const sealedFor = newest.encryption.recipients.map(({ subkeyFingerprint }) => subkeyFingerprint).sort();
  if (sealedFor.join() !== recipients.join()) return 'the recipients have changed since the last deposit';
  if (!existsSync(indexFile(state, newest.depositId))) return 'there is no index of the last deposit';
  const { receipts, missing } = await chainIn(state, newest);
  if (missing !== null) return `the receipt of ${missing.depositId}, which the last deposit is built on, is missing`;
  const gone = receipts.find(({ depositId }) => destroyed.has(depositId));
  if (gone !== undefined) return `${gone.depositId}, which the last deposit is built on, was destroyed`;
  const deposits = receipts.map(({ depositId, suitcase: { bytes, sha256 } }) => ({ depositId, bytes, sha256 }));
  const [full, ...increments] = receipts;
  if (increments.length >= incremental.maxIncrements)
    return `the last one already has ${increments.length} increments (maxIncrements)`;
  const sum = increments.reduce((bytes, { suitcase }) => bytes + suitcase.bytes, 0);
  if (sum > full!.suitcase.bytes) return 'the increments since the last one are together larger than it is';
  const age = now.getTime() - Date.parse(full!.startedAt);
  if (age >= 0 && age < incremental.fullEvery) return { receipt: newest, deposits, late: false };
  const run = await lastRun(state);
  const hasFailed = run !== null && (run.exit === 14 || run.exit === 16);
  if (hasFailed && age >= 0 && age < 1.5 * incremental.fullEvery) return { receipt: newest, deposits, late: true };
  return age < 0 ? 'the last one is dated in the future' : 'the last one is older than fullEvery';
}

/** The deposit whose destruction keeps what was sealed from ever opening; null when there is none. */
export async function destroyedBelow(
  state: ArrangementState,
  { chain }: Pick<ReceiptDraft, 'chain'>,
): Promise<string | null> {
  const base = chain?.previousDepositId ?? null;
  if (base === null) return null;
  const destroyed = await destroyedDeposits(state);
  if (destroyed.has(base)) return base;
  return (await lostDeposits(state, destroyed)).find(({ depositId }) => depositId === base)?.without ?? null;
}

/** Whether a deposit that an earlier run sealed is what this one was asked for. */
export function isAsAsked({ full, reread }: PushContext['o'], { chain, startedAt }: Receipt): boolean {
  if (chain === undefined) return true;
  return (full !== true || chain.number === 0) && (reread !== true || chain.lastReadInFull === startedAt);
}

function isRereadDue({ chain }: ChainReceipt, { rereadEvery }: Incremental, now: Date): boolean {
  return now.getTime() - Date.parse(chain.lastReadInFull) >= rereadEvery;
}

/** Removes the index of a deposit that was only tried out. */
export async function forgetIndex(state: ArrangementState, depositId: string): Promise<void> {
  await rm(indexFile(state, depositId), { force: true });
}

/** Removes the indexes on which nothing can be built any more: all but those of the newest deposit and of pending ones. */
export async function clearIndexes({ state, hooks }: Pick<PushContext, 'state' | 'hooks'>): Promise<void> {
  await removeOldIndexes(state).catch((error: unknown) => {
    hooks.warn(`old indexes could not be removed: ${said(error)}`);
  });
}

async function removeOldIndexes(state: ArrangementState): Promise<void> {
  const names = await readdir(state.file(FOLDER)).catch(() => []);
  if (names.length === 0) return;
  const newest = await newestDeposit(state, await destroyedDeposits(state));
  const { records, unreadable } = await readPending(state);
  if (unreadable.length > 0) return;
  const kept = new Set([newest?.depositId, ...records.map(({ depositId }) => depositId)].map((id) => `${id}.index`));
  for (const name of names) {
    if (!name.endsWith('.index') || kept.has(name)) continue;
    await rm(state.file(path.join(FOLDER, name)), { recursive: true, force: true });
  }
}
