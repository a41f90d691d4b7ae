import { DepotError, isDepotError, isRefusal } from '../errors.js';
import { logInfo } from '../log.js';
import {
  baseOf,
  readPending,
  removePending,
  writePending,
  type PendingRecord,
  pendingWords,
  samePlace,
} from '../state/pending.js';
import type { Receipt } from '../receipt/schema.js';
import type { Transfer } from '../sftp/types.js';
import { answered, fileReceipt, sidecarsOf, type AnsweredRecord } from './outcome.js';
import type { Deposit } from './push-types.js';
import type { PushContext } from './push-context.js';
import { uploadSidecars, type SidecarsRecord } from './sidecars.js';
import { isSpooled, remoteName, resumeSpooled, wasBegun, type SpooledRecord } from './spooled.js';
import { removeRecord } from './spool-file.js';
import { step } from './steps.js';
import { lookForStrays, mayAppear, rememberStrays } from './strays.js';

type Stage<S extends PendingRecord['stage']> = Extract<PendingRecord, { stage: S }>;
type Open = Stage<'closing'> | AnsweredRecord;

export interface Settled {
  /** What an earlier run sealed and this one sent, with the time at which it was begun; the newest of several. */
  resumed: { deposit: Deposit; begunAt: Date } | null;
  /** Sidecars that the agent does not take, of deposits that are complete otherwise. */
  undelivered: { depositId: string; error: DepotError }[];
}

/**
 * Settles what earlier runs left behind, oldest first: every deposit that is at the agent gets its receipt, what was
 * sealed is sent, and what never became a deposit is removed where the server allows it. What the agent does not tell
 * is settled as `unconfirmed`; what it refuses does not stand in the way of the next deposit.
 */
export async function settlePending(context: PushContext): Promise<Settled> {
  const { state, agent, hooks } = context;
  const settled: Settled = { resumed: null, undelivered: [] };
  await lookForStrays(context);
  const { records, unreadable } = await readPending(state);
  for (const { path, reason } of unreadable)
    hooks.warn(`${path} cannot be read (${reason}); it may belong to a deposit, so depot keeps it`, 'act');
  for (const record of records) {
    if (!samePlace(record.server, agent.place)) {
      hooks.warn(`${record.depositId} ${pendingWords(record, agent.place)}`, 'act');
      continue;
    }
    await settle(context, record, settled);
    step('settled-earlier');
  }
  return settled;
}

async function settle(context: PushContext, record: PendingRecord, settled: Settled): Promise<void> {
  logInfo(record.arrangement, `settles ${record.depositId}, which an earlier run left at the stage "${record.stage}"`);
  switch (record.stage) {
    case 'intent':
      return isSpooled(record) ? resume(context, record, settled) : discard(context, record);
    case 'closing':
    case 'unconfirmed':
      return findOut(context, record, settled);
    case 'published':
      return file(context, record, settled);
    case 'sidecars':
      return sidecars(context, record, settled);
  }
}

async function resume(context: PushContext, record: SpooledRecord, settled: Settled): Promise<void> {
  const deposit = await resumeSpooled(context, record);
  if (deposit !== null) settled.resumed = { deposit, begunAt: new Date(record.createdAt) };
}

/** Nothing was published: what remains at the agent is no deposit. */
async function discard(context: PushContext, record: PendingRecord): Promise<void> {
  const { state, agent, hooks } = context;
  const name = remoteName(record);
  // Where the agent collects what is closed, it may have taken the beginning of a suitcase.
  const vanished = record.publish === 'direct' && (await agent.remote.stat(name)) === null;
  const removal = await agent.remote.removePartial(name);
  const left = vanished
    ? `${name} is not at ${agent.address}: if the agent took it, what it has is not complete`
    : removal === 'removed'
      ? 'nothing of it is left at the agent'
      : removal === 'absent'
        ? 'nothing of it is at the agent now'
        : `${name} may remain at ${agent.address} and is not complete: ask the agent to remove it`;
  hooks.warn(
    `${record.depositId}, started by an earlier run, was not deposited; ${left}`,
    removal === 'refused' ? 'act' : undefined,
  );
  if ((record.stage !== 'intent' || wasBegun(record)) && (await mayAppear(context, name, removal)))
    await rememberStrays(context, [name]);
  await removeRecord(state, record);
}

/** The answer to close or rename was lost: a look at the agent settles it, or nothing does. */
async function findOut(context: PushContext, record: Open, settled: Settled): Promise<void> {
  const { hooks, state } = context;
  const verdict = await verdictOn(context, record);
  if (verdict === 'void') return giveUp(context, record, settled);
  if (verdict !== 'open') {
    hooks.warn(`${record.depositId}, started by an earlier run, is at the agent; its receipt now says so`);
    return file(context, answered(record, verdict), settled);
  }
  if (record.stage === 'closing') {
    hooks.warn(
      `${record.depositId}, started by an earlier run, is possibly deposited: the agent does not show it; its receipt says unconfirmed`,
      'act',
    );
    await fileEarlier(context, answered(record, transferOf(record, 'unconfirmed', 'unreadable')));
  } else {
    hooks.warn(`${record.depositId} remains unconfirmed: the agent does not show it`, 'act');
  }
  await removePending(state, record.depositId);
}

/** It is no deposit, and is seen not to be one. With a spool it is sent again. */
async function giveUp(context: PushContext, record: Open, settled: Settled): Promise<void> {
  if (record.stage !== 'closing')
    context.hooks.warn(`the receipt of ${record.depositId} says unconfirmed, but it did not become a deposit`, 'act');
  const { draft, spool } = record;
  const intent = { ...baseOf(record), stage: 'intent' as const };
  if (record.stage !== 'closing' || spool === undefined)
    return discard(context, { ...intent, ...(spool && { spool }) });
  const { name, bytes, sha256 } = spool;
  const again = { ...intent, draft, spool: { name, bytes, sha256 } };
  await writePending(context.state, again);
  return resume(context, again, settled);
}

/**
 * What the agent shows of a deposit whose bytes were all acknowledged: that it is published, `void` (what is there is
 * not the whole suitcase under its name, nor can it get there), or `open` (it does not show).
 */
async function verdictOn(
  { agent: { remote, address }, hooks }: PushContext,
  record: Open,
): Promise<Receipt['transfer'] | 'void' | 'open'> {
  const { partialName, finalName, publish } = record;
  const { bytes } = record.draft.suitcase;
  const final = await remote.stat(finalName);
  if (final !== null && final !== 'unreadable') {
    if (final.size === bytes) return transferOf(record, 'acknowledged', 'matched');
    if (publish === 'direct') return 'void';
    hooks.warn(
      `${finalName} has ${final.size} bytes at ${address} instead of ${bytes}: tell the agent that it is incomplete`,
      'act',
    );
    return 'open';
  }
  if (publish === 'direct') return 'open';
  const partial = await remote.stat(partialName);
  const seen = partial !== null && partial !== 'unreadable';
  if (seen && partial.size !== bytes) return 'void';
  if (final === null && partial === null) return 'open';
  try {
    // Whole, or not to be seen: one more rename tells.
    if ((await remote.renameAgain({ partialName, finalName, bytes })) !== 'published') return 'open';
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // Refused although it lies there: it will never be published. If it cannot be seen, it may have the name itself.
    return seen ? 'void' : 'open';
  }
  const after = await remote.stat(finalName);
  return transferOf(record, 'acknowledged', after === null || after === 'unreadable' ? 'unreadable' : 'matched');
}

function transferOf(record: Open, status: Transfer['status'], remoteSize: Transfer['remoteSize']): Receipt['transfer'] {
  const before = record.stage === 'closing' ? record.durability : record.transfer.durability;
  const durability =
    before === 'fsynced' ? 'fsynced' : remoteSize === 'matched' ? 'size-checked' : (before ?? 'acknowledged-only');
  return { remoteName: record.finalName, status, remoteSize, durability };
}

/** The deposit is at the agent: receipt, ledger, sidecars. */
async function file(context: PushContext, record: AnsweredRecord, settled: Settled): Promise<void> {
  await fileEarlier(context, record);
  step('earlier-receipt-filed');
  if (context.o.arrangement.remote.sidecars) await sidecars(context, sidecarsOf(record), settled);
  else await removePending(context.state, record.depositId);
}

/** What fails here is this run, which deposited nothing: it must not sound as if it had. */
async function fileEarlier(context: PushContext, record: AnsweredRecord): Promise<void> {
  try {
    await fileReceipt(context, record);
  } catch (error) {
    const cause = isDepotError(error, 'receipt-not-written') ? error.cause : null;
    if (!isDepotError(error) || !isDepotError(cause)) throw error;
    throw new DepotError(
      cause.code,
      `the receipt of ${record.depositId}, which an earlier run deposited, cannot be written: ${cause.message}`,
      { published: 'no', cause: error, hint: cause.hint },
    );
  }
}

/** Sidecars go first. An agent that does not take them gets the next deposit all the same. */
async function sidecars(context: PushContext, record: SidecarsRecord, settled: Settled): Promise<void> {
  try {
    await uploadSidecars(context, record, 'an earlier run');
    context.hooks.warn(`sidecars of ${record.depositId}, left by an earlier run, are now delivered`);
  } catch (error) {
    if (!isRefusal(error) && !cannotBeRead(error)) throw error;
    context.hooks.warn(
      `sidecars of ${record.depositId}, deposited by an earlier run, could not be delivered: ${error.message}`,
      'act',
    );
    settled.undelivered.push({ depositId: record.depositId, error });
  }
}

/** The sidecar here is lost or damaged. */
function cannotBeRead(error: unknown): error is DepotError {
  return isDepotError(error) && (error.code.startsWith('local-') || error.code === 'verification-failed');
}
