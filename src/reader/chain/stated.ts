import type { Chain } from '../../dataset/chain/chain-file.js';
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
