import type { Receipt } from '../receipt/schema.js';
import type { ArrangementState } from './arrangement-state.js';
import { listReceipts } from './list.js';

/** A deposit that no longer opens: one of those that it is built on was destroyed. */
export interface Lost {
  depositId: string;
  /** The one that was destroyed; the oldest of several. */
  without: string;
}

/** All of an arrangement, oldest first, but those that were destroyed themselves. */
export async function lostDeposits(state: ArrangementState, destroyed: ReadonlyMap<string, unknown>): Promise<Lost[]> {
  return destroyed.size === 0 ? [] : lostAmong((await listReceipts(state)).receipts, destroyed);
}

type Chained = Pick<Receipt, 'depositId' | 'chain'>;

/** As `lostDeposits`, of all receipts of an arrangement that were read already. */
export function lostAmong(receipts: readonly { receipt: Chained }[], destroyed: ReadonlyMap<string, unknown>): Lost[] {
  const byId = new Map(receipts.map(({ receipt }) => [receipt.depositId, receipt]));
  /** What each deposit lacks, or null: asked for many times, since each is built on the one before. */
  const lacks = new Map<string, string | null>();
  const lack = ({ depositId, chain }: Chained): string | null => {
    const base = chain?.previousDepositId ?? null;
    const below = base === null ? null : (lacks.get(base) ?? null);
    const found = below ?? (destroyed.has(depositId) ? depositId : null);
    lacks.set(depositId, found);
    return found;
  };
  // By number: a base has a lower one than what is built on it, whatever their clocks said.
  const inOrder = [...byId.values()].sort((a, b) => (a.chain?.number ?? 0) - (b.chain?.number ?? 0));
  for (const receipt of inOrder) lack(receipt);
  return receipts.flatMap(({ receipt: { depositId } }) => {
    const without = lacks.get(depositId) ?? null;
    return without === null || destroyed.has(depositId) ? [] : [{ depositId, without }];
  });
}
