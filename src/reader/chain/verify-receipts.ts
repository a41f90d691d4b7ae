/** The receipts of the deposits before an increment, which lie beside its own: the key must open every one of them. */
import path from 'node:path';
import { isDepotError } from '../../errors.js';
import { receiptName } from '../../names/deposit.js';
import { printable } from '../../printable.js';
import { followChain } from '../../receipt/chain.js';
import type { Checks } from '../checks.js';
import { proveKey, type OpeningKey } from '../key-proof.js';
import { readReceipt, verifyReceipt, type GivenReceipt } from '../named-files.js';

interface Earlier {
  given: GivenReceipt;
  signers: string[];
  noSignature: boolean;
  key: OpeningKey | null;
}

/** Adds the checks `chain`, `chain-signatures` and `chain-key-proof`. */
export async function verifyEarlierReceipts(
  { given, signers, noSignature, key }: Earlier,
  checks: Checks,
): Promise<void> {
  const { receipt } = given;
  const number = receipt.chain?.number ?? 0;
  if (number === 0) return;
  const found = new Map<string, GivenReceipt>();
  const { receipts, missing } = await followChain(receipt, async (depositId) => {
    const one = await beside(given.path, depositId, checks);
    if (one !== null) found.set(depositId, one);
    return one?.receipt ?? null;
  });
  const earlier = receipts.slice(0, -1).map(({ depositId }) => found.get(depositId)!);
  const needed = `${number} ${number === 1 ? 'deposit' : 'deposits'} before this one, back to ${receipt.chain!.fullDepositId}`;
  if (missing === null) checks.passed('chain', `receipts of the ${needed}`);
  else
    checks.missing(
      'chain',
      `it opens only with the ${needed}; there is no receipt of ${missing.depositId} that fits`,
      `put ${receiptName(missing.depositId)} and its .asc beside this receipt`,
    );
  if (noSignature) checks.notPossible('chain-signatures', 'left out, as asked');
  else if (signers.length > 0) await verifySignatures(earlier, signers, checks);
  if (key !== null) await proveKeys(earlier, key, { number, isWhole: missing === null }, checks);
}

async function beside(own: string, depositId: string, checks: Checks): Promise<GivenReceipt | null> {
  try {
    return await readReceipt(path.join(path.dirname(own), receiptName(depositId)));
  } catch (error) {
    if (isDepotError(error, 'verification-failed')) checks.refused('chain', error);
    else if (!isDepotError(error, 'local-unreadable')) throw error;
    return null;
  }
}

async function verifySignatures(earlier: readonly GivenReceipt[], signers: string[], checks: Checks): Promise<void> {
  for (const given of earlier) {
    const { depositId } = given.receipt;
    try {
      await verifyReceipt(given, undefined, signers);
    } catch (error) {
      if (isDepotError(error, 'verification-failed')) checks.refused('chain-signatures', error);
      else if (isDepotError(error, 'local-unreadable'))
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
  earlier: readonly GivenReceipt[],
  key: OpeningKey,
  { number, isWhole }: { number: number; isWhole: boolean },
  checks: Checks,
): Promise<void> {
  for (const { receipt } of earlier) {
    try {
      (await proveKey(receipt, key)).sessionKey.fill(0);
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
