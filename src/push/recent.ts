/** Whether a push has anything to do, by the deposit that was made last. */
import { ageOf } from '../clock.js';
import { parseDepositId } from '../names/deposit.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import { lastDeposit, type LastDeposit } from '../state/list.js';
import type { PushOptions, Skipped } from './push-types.js';

type Conditions = Pick<PushOptions, 'ifOlderThanMs' | 'ifNoneSince'>;

/** Why this run may skip; null when it may not. */
export async function recentDeposit(
  state: ArrangementState,
  conditions: Conditions,
  now: Date,
): Promise<Skipped | null> {
  if (conditions.ifOlderThanMs === undefined && conditions.ifNoneSince === undefined) return null;
  const last = await lastDeposit(state);
  if (last === null || !isRecent(last, conditions, now)) return null;
  return { skipped: `the last deposit, ${last.depositId}, is from ${last.finishedAt}`, because: 'recent' };
}

/** Young enough, or begun late enough. */
export function isRecent(
  { depositId, finishedAt }: Pick<LastDeposit, 'depositId' | 'finishedAt'>,
  { ifOlderThanMs, ifNoneSince }: Conditions,
  now: Date,
): boolean {
  const ageMs = ageOf(finishedAt, now);
  // A deposit from the future has no age: one deposit too many does less harm than one too few.
  if (ageMs === null) return false;
  const begunAt = parseDepositId(depositId)?.at;
  return (
    (ifOlderThanMs !== undefined && ageMs < ifOlderThanMs) ||
    (ifNoneSince !== undefined && begunAt !== undefined && begunAt >= ifNoneSince)
  );
}
