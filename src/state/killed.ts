/** A push that was killed left no run record. What is on file says what became of it, and this is a record in its place. */
import type { Published } from '../errors.js';
import { parseTimestamp, receiptName } from '../names/deposit.js';
import type { ArrangementState } from './arrangement-state.js';
import { newestDeposit, readable } from './list.js';
import { type PendingStage, pendingWords, readPending } from './pending.js';
import type { RunRecord } from './runs.js';
import { nothingDone, type Runner } from './underway.js';

const publishedAt: Readonly<Record<PendingStage, Published>> = {
  intent: 'no',
  closing: 'unknown',
  published: 'yes',
  unconfirmed: 'unknown',
  sidecars: 'yes',
};

/** It ended when it was last heard of, or later. The marks around lines to type are still there. */
export async function killedRun(
  state: ArrangementState,
  { pid, host, since, lastSeen }: Runner,
): Promise<RunRecord & { hint: string }> {
  const { arrangement } = state;
  const startedAt = parseTimestamp(since) === null ? lastSeen : since;
  const { published, depositId, words } = await leftBy(state, startedAt);
  const next = published === 'yes' ? 'does what is left' : 'makes the deposit';
  return {
    schema: 'depot.run/1',
    arrangement,
    startedAt,
    finishedAt: lastSeen,
    exit: 137,
    code: 'killed',
    message: `the push (process ${pid}) was killed, or the machine went down; ${words}`,
    hint: `nothing to do where pushes are scheduled: the next one ${next}; to do it now: «depot push ${arrangement}»`,
    published,
    ...nothingDone,
    depositId,
    seconds: Math.max(0, (Date.parse(lastSeen) - Date.parse(startedAt)) / 1000),
    host,
  };
}

/** What a push that began then had reached, as long as no other has begun since. */
async function leftBy(
  state: ArrangementState,
  since: string,
): Promise<{ published: Published; depositId: string | null; words: string }> {
  const { records, unreadable } = await readPending(state);
  // One that an earlier push sealed may have been on its way again.
  const own =
    records.findLast(({ createdAt }) => createdAt >= since) ?? records.findLast(({ stage }) => stage === 'closing');
  if (own !== undefined) {
    const { depositId, stage } = own;
    return { published: publishedAt[stage], depositId, words: `${depositId} ${pendingWords(own, null)}` };
  }
  const newest = await newestDeposit(state);
  if (newest !== null && newest.receipt.completedAt >= since)
    return { published: 'yes', depositId: newest.depositId, words: `${newest.depositId} is deposited` };
  if (unreadable.length > 0)
    return { published: 'unknown', depositId: null, words: `what it left cannot be read: ${unreadable[0]!.path}` };
  return { published: 'no', depositId: null, words: 'it had deposited nothing' };
}

/** What is known by now of a deposit of which a killed push could not know; null while that is pending. */
export async function settledSince(
  state: ArrangementState,
  depositId: string,
): Promise<{ published: Published; words: string } | null> {
  const { records, unreadable } = await readPending(state);
  if (unreadable.length > 0 || records.some((one) => one.depositId === depositId)) return null;
  const receipt = (await readable(state, receiptName(depositId)))?.receipt;
  if (receipt === undefined) return { published: 'no', words: 'it was not deposited' };
  return receipt.transfer.status === 'acknowledged'
    ? { published: 'yes', words: 'it is deposited' }
    : { published: 'unknown', words: 'its receipt says unconfirmed: ask the agent' };
}
