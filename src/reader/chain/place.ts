/** What the suitcases of a chain must say of it, once they are authentic. */
import { type Chain, requireSameChain } from '../../dataset/chain/chain-file.js';
import type { ManifestResult } from '../../dataset/compare.js';
import { wrong } from '../found.js';

/**
 * Whether the suitcase that is the `number`-th of a chain says of it what the `wanted` one said when nothing was known to be
 * authentic; null where that is not at hand. @throws DepotError 'verification-failed', 'archive-refused'
 */
export function requirePlace(
  { chain, manifest }: Pick<ManifestResult, 'chain' | 'manifest'>,
  number: number,
  wanted: Chain | null,
): void {
  if (number === 0) {
    if (chain !== undefined || manifest === 'none')
      throw wrong('it is not a full deposit, and a chain begins with one');
    return;
  }
  if (chain === undefined) throw wrong('it is not an increment');
  if (number === wanted?.number) {
    if (JSON.stringify(chain) !== JSON.stringify(wanted))
      throw wrong('it names different suitcases than when it was first read');
    return;
  }
  if (chain.number !== number) throw wrong('it has the wrong number in its chain');
  if (wanted !== null) requireSameChain(wanted, chain);
}
