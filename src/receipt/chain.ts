/** Chains of deposits, as their receipts tell them (docs/format.md, section 12). */
import type { Receipt } from './schema.js';

/** A receipt of a deposit with `incremental:`. */
export type ChainReceipt = Receipt & { chain: NonNullable<Receipt['chain']> };

export function isInChain(receipt: Receipt): receipt is ChainReceipt {
  return receipt.chain !== undefined;
}

interface Night extends Pick<Receipt, 'chain'> {
  dataset: Pick<Receipt['dataset'], 'entries' | 'bytes' | 'complete'>;
}

/** The whole night's dataset: an increment's suitcase holds a part of it. */
export function wholeNight({ dataset, chain }: Night): {
  entries: number;
  bytes: number;
  complete: boolean;
} {
  const { entries, bytes } = chain ?? dataset;
  return { entries, bytes, complete: dataset.complete && chain?.complete !== false };
}

/** A night as its suitcases hold it. */
export interface FoundNight {
  entries: number;
  bytes: number;
  /** The newest manifest says so, and no path of the night is marked as changed while it was read. */
  complete: boolean;
  /** Left out where nobody computed it. */
  datasetSha256?: string;
}

/** What a receipt says otherwise of its night, as a sentence; null when it says the same. */
export function nightDiffers(
  said: ChainReceipt['chain'],
  { entries, bytes, complete, datasetSha256 = said.datasetSha256 }: FoundNight,
): string | null {
  if (datasetSha256 !== said.datasetSha256)
    return 'together, the suitcases do not hold the dataset that the receipt names';
  if (entries !== said.entries || bytes !== said.bytes)
    return `the night has ${entries} entries with ${bytes} bytes, but the receipt says ${said.entries} with ${said.bytes}`;
  if (complete === said.complete) return null;
  return complete
    ? 'the receipt says that something of this night changed or vanished while it was read, but no manifest does'
    : HIDDEN_CHANGE;
}

/** Of a night that its receipt calls complete. */
export const HIDDEN_CHANGE =
  'something of this night changed or vanished while it was read, but the receipt says that it is complete';

export interface Chain {
  /** What opens the deposit: the full one first, itself last. Without those that are `missing`, and what they build on. */
  receipts: Receipt[];
  /** The deposit whose receipt is not at hand, or does not fit; null when the chain goes back to its full deposit. */
  missing: { depositId: string; suitcaseSha256: string } | null;
}

/**
 * The deposits of a chain whose receipts are not at hand, the newest first, where it does not go back to its full deposit.
 * `others`: receipts that may belong to it, and tell of some beyond the first gap. `unnamed`: how many nothing names.
 */
export function missingReceipts(
  { receipts, missing }: Chain,
  others: readonly Receipt[],
): { depositIds: string[]; unnamed: number } {
  const depositIds: string[] = [];
  let unnamed = 0;
  let expected = missing;
  const { fullDepositId, number } = receipts[0]!.chain!;
  for (let at = number - 1; at >= 0; at--) {
    const fitting = others.filter(
      ({ depositId, suitcase, chain }) =>
        chain?.fullDepositId === fullDepositId &&
        chain.number === at &&
        (expected === null || (depositId === expected.depositId && suitcase.sha256 === expected.suitcaseSha256)),
    );
    // Of two with one number, nothing says which it is.
    const found = fitting.length === 1 ? fitting[0]!.chain! : null;
    if (found === null) {
      const depositId = expected?.depositId ?? (at === 0 ? fullDepositId : null);
      if (depositId === null) unnamed++;
      else depositIds.push(depositId);
    }
    const [depositId, suitcaseSha256] = [found?.previousDepositId ?? null, found?.previousSuitcaseSha256 ?? null];
    expected = depositId === null || suitcaseSha256 === null ? null : { depositId, suitcaseSha256 };
  }
  return { depositIds, unnamed };
}

/** Follows a chain back to its full deposit. `find`: the receipt of a deposit, or null. */
export async function followChain(
  newest: Receipt,
  find: (depositId: string) => Promise<Receipt | null>,
): Promise<Chain> {
  const receipts = [newest];
  for (let next = newest; isInChain(next) && next.chain.number > 0; ) {
    const { previousDepositId, previousSuitcaseSha256, number, fullDepositId } = next.chain;
    // The schema says that an increment has both.
    const [depositId, suitcaseSha256] = [previousDepositId!, previousSuitcaseSha256!];
    const found = await find(depositId);
    const fits =
      found !== null &&
      isInChain(found) &&
      found.suitcase.sha256 === suitcaseSha256 &&
      found.chain.number === number - 1 &&
      found.chain.fullDepositId === fullDepositId;
    if (!fits) return { receipts, missing: { depositId, suitcaseSha256 } };
    receipts.unshift(found);
    next = found;
  }
  return { receipts, missing: null };
}
