/** How the chain of an arrangement with `incremental:` stands: an increment opens only with all that it is built on. */
import type { Arrangement } from '../config/types.js';
import { ageOf } from '../clock.js';
import { parseDepositId, timestamp } from '../names/deposit.js';
import { isInChain } from '../receipt/chain.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import { destroyedDeposits } from '../state/ledger.js';
import { newestDeposit } from '../state/list.js';
import { lostDeposits, type Lost } from '../state/lost.js';

export interface ChainStanding {
  /** The deposit that was acknowledged last. */
  depositId: string;
  /** How many increments it is away from the full deposit. */
  number: number;
  fullDepositId: string;
  fullAt: string;
  /** Null where the full deposit is dated in the future. */
  fullAgeMs: number | null;
  /** How long the newest deposit goes on to open if no other comes: then the agent may destroy the full one. */
  opensForMs: number | null;
  /** The full deposit is so old that something keeps a new one from being made. */
  late: boolean;
  lastReadInFull: string;
}

/** Null where there is no chain. */
export async function chainStanding(
  state: ArrangementState,
  { incremental }: Pick<Arrangement, 'incremental'>,
  now: Date,
): Promise<ChainStanding | null> {
  if (incremental === undefined) return null;
  const newest = (await newestDeposit(state, await destroyedDeposits(state)))?.receipt;
  if (newest === undefined || !isInChain(newest)) return null;
  const { number, fullDepositId, lastReadInFull } = newest.chain;
  const fullAt = timestamp(parseDepositId(fullDepositId)!.at);
  const fullAgeMs = ageOf(fullAt, now);
  return {
    depositId: newest.depositId,
    number,
    fullDepositId,
    fullAt,
    fullAgeMs,
    opensForMs: fullAgeMs === null ? null : Math.max(0, incremental.agentKeeps - fullAgeMs),
    late: fullAgeMs !== null && fullAgeMs > Math.min(1.5 * incremental.fullEvery, incremental.agentKeeps),
    lastReadInFull,
  };
}

/** Deposits that no longer open, since one on which they are built was destroyed. */
export async function lostIn(state: ArrangementState): Promise<Lost[]> {
  const destroyed = await destroyedDeposits(state);
  return destroyed.size === 0 ? [] : lostDeposits(state, destroyed);
}
