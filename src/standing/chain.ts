/** How the chain of an arrangement with `incremental:` stands: an increment opens only with all that it is built on. */
import type { Arrangement } from '../config/types.js';
import { ageOf } from '../clock.js';
import { parseDepositId, timestamp } from '../names/deposit.js';
import { isInChain } from '../receipt/chain.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import { destroyedDeposits } from '../state/ledger.js';
import { newestDeposit } from '../state/list.js';
import { lostDeposits, type Lost } from '../state/lost.js';

/** What the deposit that was acknowledged last is built on. */
export interface NewestChain {
  depositId: string;
  /** How many increments it is away from the full deposit. */
  number: number;
  fullDepositId: string;
  fullAt: string;
  /** Null where the full deposit is dated in the future. */
  fullAgeMs: number | null;
  lastReadInFull: string;
}

export interface ChainStanding extends NewestChain {
  /** How long the newest deposit goes on to open if no other comes: then the agent may destroy the full one. 0 when it is lost. */
  opensForMs: number | null;
  /** The full deposit is so old that something keeps a new one from being made. */
  late: boolean;
  /** It no longer opens: one on which it is built was destroyed. */
  lost: boolean;
}

/** Null where there is no chain, by the receipts alone. */
export async function newestChain(state: ArrangementState, now: Date): Promise<NewestChain | null> {
  const newest = (await newestDeposit(state, await destroyedDeposits(state)))?.receipt;
  if (newest === undefined || !isInChain(newest)) return null;
  const { number, fullDepositId, lastReadInFull } = newest.chain;
  const fullAt = timestamp(parseDepositId(fullDepositId)!.at);
  return { depositId: newest.depositId, number, fullDepositId, fullAt, fullAgeMs: ageOf(fullAt, now), lastReadInFull };
}

/** Null where there is no chain, or none is made any more. */
export async function chainStanding(
  state: ArrangementState,
  { incremental }: Pick<Arrangement, 'incremental'>,
  now: Date,
): Promise<ChainStanding | null> {
  if (incremental === undefined) return null;
  const chain = await newestChain(state, now);
  if (chain === null) return null;
  const { fullAgeMs } = chain;
  const lost = (await lostIn(state)).some(({ depositId }) => depositId === chain.depositId);
  return {
    ...chain,
    opensForMs: lost ? 0 : fullAgeMs === null ? null : Math.max(0, incremental.agentKeeps - fullAgeMs),
    lost,
    late: fullAgeMs !== null && fullAgeMs > Math.min(1.5 * incremental.fullEvery, incremental.agentKeeps),
  };
}

/** Deposits that no longer open, since one on which they are built was destroyed. */
export async function lostIn(state: ArrangementState): Promise<Lost[]> {
  return lostDeposits(state, await destroyedDeposits(state));
}
