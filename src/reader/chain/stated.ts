import type { Chain } from '../../dataset/chain/chain-file.js';
import type { ManifestResult } from '../../dataset/compare.js';
import { HIDDEN_CHANGE, nightDiffers } from '../../receipt/chain.js';
import type { Receipt } from '../../receipt/schema.js';

/** Whether a receipt tells of the chain that its suitcase names; null for a suitcase that builds on nothing. */
export function tellsOf(said: Receipt['chain'], chain: Chain | null): boolean {
  const previous = chain?.deposits.at(-1);
  if (chain === null || previous === undefined) return said === undefined || said.number === 0;
  return (
    said?.number === chain.number &&
    said.fullDepositId === chain.deposits[0]!.depositId &&
    said.previousDepositId === previous.depositId &&
    said.previousSuitcaseSha256 === previous.sha256
  );
}

/**
 * What a receipt says of the whole night, and its suitcase alone shows to be wrong: of a full deposit all but the digest, since
 * that is the night; of an increment only what changed while it was read. Null when there is no such thing.
 */
export function deniedBy(
  said: Receipt['chain'],
  {
    entries,
    bytes,
    complete,
    changed,
    chain,
  }: Pick<ManifestResult, 'entries' | 'bytes' | 'complete' | 'changed' | 'chain'>,
): string | null {
  if (said === undefined) return null;
  const isComplete = complete !== false && changed === 0;
  if (chain === undefined) return nightDiffers(said, { entries, bytes, complete: isComplete });
  return said.complete && !isComplete ? HIDDEN_CHANGE : null;
}
