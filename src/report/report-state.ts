/** What the badge of an arrangement says, and why. */
import { wholeNight } from '../receipt/chain.js';
import type { Shrunk } from '../standing/shrunk.js';
import { lateness } from '../standing/standing.js';
import type { Lost } from '../state/lost.js';
import type { LedgerAudit } from '../state/audit.js';
import type { RunRecord } from '../state/runs.js';
import type { UnderWay } from '../state/underway.js';
import {
  states,
  type ArrangementReport,
  type KeyRow,
  type ListedDeposit,
  type ReportedChain,
  type Reason,
  type State,
} from './data.js';

export interface Facts {
  last: ArrangementReport['last'];
  everyMs: number | null;
  ended: Date | null;
  keys: readonly KeyRow[];
  audit: LedgerAudit;
  /** Of all deposits, also one that does not count. */
  newest: ListedDeposit | null;
  lastRun: RunRecord | null;
  underWay: UnderWay;
  shrunk: Shrunk | null;
  chain: ReportedChain | null;
  lost: readonly Lost[];
  /** Files that should be receipts and are none. */
  unreadable: number;
  now: Date;
}

/** As early as a push begins to warn. */
const soonDays = 30;

/** An ended arrangement is neither late nor in want of keys; its ledger must be whole all the same. */
export function standingOf(f: Facts): { state: State; reasons: Reason[] } {
  const ended = f.ended !== null && f.now >= f.ended;
  const reasons = ended ? [] : reasonsOf(f);
  const found: State[] = [ended ? 'ended' : f.everyMs === null ? 'unknown' : 'ok'];
  if (f.audit.problems.length > 0) found.push('broken');
  if (!ended) {
    if (f.last === null) found.push(f.everyMs === null ? 'unknown' : 'never');
    else if (f.everyMs !== null && (f.last.ageMs === null || f.last.ageMs > f.everyMs * lateness)) found.push('late');
    if (reasons.some(({ kind }) => kind === 'key-unusable')) found.push('keys');
    else if (reasons.length > 0) found.push('attention');
  }
  return { state: states.find((state) => found.includes(state))!, reasons };
}

function reasonsOf(f: Facts): Reason[] {
  const reasons: Reason[] = [];
  if (f.lastRun !== null && f.lastRun.exit !== 0)
    reasons.push({ kind: 'run-failed', exit: f.lastRun.exit, at: new Date(f.lastRun.finishedAt) });
  const { running, killed, pending } = f.underWay;
  if (killed !== null) reasons.push({ kind: 'run-killed', at: new Date(killed.since) });
  // What a push that runs has begun is no remainder.
  if (running === null && pending.length > 0) reasons.push({ kind: 'pending', count: pending.length });
  if (f.newest !== null) {
    const { depositId, filed } = f.newest;
    if (filed === null) reasons.push({ kind: 'no-receipt', depositId });
    else if (filed.receipt.transfer.status === 'unconfirmed') reasons.push({ kind: 'unconfirmed', depositId });
    else if (!wholeNight(filed.receipt).complete) reasons.push({ kind: 'not-complete', depositId });
  }
  if (f.shrunk !== null) reasons.push({ kind: 'shrunk', depositId: f.shrunk.depositId });
  const { chain, lost } = f;
  if (chain?.late === true)
    reasons.push({
      kind: 'full-old',
      depositId: chain.fullDepositId,
      ageMs: chain.fullAgeMs ?? 0,
      opensForMs: chain.opensForMs ?? 0,
    });
  const [first] = lost;
  if (first !== undefined) reasons.push({ kind: 'lost', count: lost.length, last: lost.at(-1)!.depositId, ...first });
  for (const { name, fingerprint, usable, daysLeft, reason } of f.keys) {
    const whose = name ?? fingerprint;
    if (usable === false) reasons.push({ kind: 'key-unusable', name: whose, why: reason ?? '' });
    else if (daysLeft !== null && daysLeft <= soonDays)
      reasons.push({ kind: 'key-expires', name: whose, days: daysLeft });
  }
  if (f.unreadable > 0) reasons.push({ kind: 'unreadable', count: f.unreadable });
  return reasons;
}
