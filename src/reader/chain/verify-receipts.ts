/** The receipts of the deposits before an increment, which lie beside its own: the key must open every one of them. */
import { isDepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { type Chain, followChain, missingReceipts } from '../../receipt/chain.js';
import type { Receipt } from '../../receipt/schema.js';
import type { Checks } from '../checks.js';
import { proveKey, type OpeningKey } from '../key-proof.js';
import { listed } from './words.js';

interface Earlier<T> {
  receipt: Receipt;
  /** The receipt of a deposit, null without one. @throws DepotError 'verification-failed' for what is none */
  find: (depositId: string) => Promise<T | null>;
  /** All that are at hand; asked for where one is missing, to name the others that are. */
  all: () => Promise<Receipt[]>;
  /** Whether a given signer signed it. Null where no signer was given. @throws DepotError 'verification-failed', … */
  verify: ((given: T) => Promise<unknown>) | null;
  noSignature: boolean;
  key: OpeningKey | null;
  /** Hears of each that the key opens, the full one first. */
  proven?: (deposit: ProvenDeposit) => void;
}

/** A deposit of a chain that a key opens. */
export interface ProvenDeposit {
  depositId: string;
  suitcaseSha256: string;
  opening: Uint8Array;
}

/** Adds the checks `chain`, `chain-signatures` and `chain-key-proof`. */
export async function verifyEarlierReceipts<T extends { receipt: Receipt }>(
  { receipt, find, all, verify, noSignature, key, proven }: Earlier<T>,
  checks: Checks,
): Promise<void> {
  const number = receipt.chain?.number ?? 0;
  if (number === 0) return;
  const found = new Map<string, T>();
  const chain = await followChain(receipt, async (depositId) => {
    const one = await attempted(() => find(depositId), checks);
    if (one !== null) found.set(depositId, one);
    return one?.receipt ?? null;
  });
  const { missing } = chain;
  const earlier = chain.receipts.slice(0, -1).map(({ depositId }) => found.get(depositId)!);
  const needed = `${number} ${number === 1 ? 'deposit' : 'deposits'} before this one, back to ${receipt.chain!.fullDepositId}`;
  if (missing === null) checks.passed('chain', `receipts of the ${needed}`);
  else
    checks.missing(
      'chain',
      `it opens only with the ${needed}; receipts missing, or not of this chain: ${missingWords(chain, await all())}`,
      'ask the supplier for these receipts and their .asc, and put them into the folder of this one',
    );
  if (noSignature) checks.notPossible('chain-signatures', 'left out, as asked');
  else if (verify !== null) await verifySignatures(earlier, verify, checks);
  if (key !== null) await proveKeys(earlier, key, { number, isWhole: missing === null, proven }, checks);
}

function missingWords(chain: Chain, others: readonly Receipt[]): string {
  const { depositIds, unnamed } = missingReceipts(chain, others);
  const names = listed(depositIds.map((id) => printable(id)));
  return unnamed === 0 ? names : `${names}, and up to ${unnamed} more that nothing here names`;
}

async function attempted<T>(find: () => Promise<T | null>, checks: Checks): Promise<T | null> {
  try {
    return await find();
  } catch (error) {
    if (!isDepotError(error, 'verification-failed')) throw error;
    checks.refused('chain', error);
    return null;
  }
}

async function verifySignatures<T extends { receipt: Receipt }>(
  earlier: readonly T[],
  verify: (given: T) => Promise<unknown>,
  checks: Checks,
): Promise<void> {
  if (earlier.length === 0) {
    checks.missing('chain-signatures', 'there is no receipt here of a deposit before it');
    return;
  }
  for (const given of earlier) {
    const { depositId } = given.receipt;
    try {
      await verify(given);
    } catch (error) {
      if (isDepotError(error, 'verification-failed')) checks.refused('chain-signatures', error);
      else if (isDepotError(error, 'local-unreadable') || isDepotError(error, 'incomplete'))
        checks.missing('chain-signatures', `${depositId}: ${error.message}`);
      else throw error;
      return;
    }
  }
  checks.passed(
    'chain-signatures',
    `${earlier.length} ${earlier.length === 1 ? 'receipt' : 'receipts'}, by a given signer`,
  );
}

async function proveKeys(
  earlier: readonly { receipt: Receipt }[],
  key: OpeningKey,
  { number, isWhole, proven }: { number: number; isWhole: boolean; proven: Earlier<unknown>['proven'] },
  checks: Checks,
): Promise<void> {
  for (const { receipt } of earlier) {
    try {
      const { sessionKey, opening } = await proveKey(receipt, key);
      sessionKey.fill(0);
      proven?.({ depositId: receipt.depositId, suitcaseSha256: receipt.suitcase.sha256, opening });
    } catch (error) {
      if (!isDepotError(error)) throw error;
      if (error.code !== 'not-addressed' && error.code !== 'verification-failed') throw error;
      checks.failed('chain-key-proof', `${printable(receipt.depositId)}: ${error.message}`, error.code);
      return;
    }
  }
  const opened = `the key opens ${earlier.length} of the ${number} deposits before it`;
  if (isWhole) checks.passed('chain-key-proof', opened);
  else checks.missing('chain-key-proof', opened);
}
