/** An increment that is given alone: what its beginning says of the suitcases before it. */
import path from 'node:path';
import type { Chain } from '../../dataset/chain/chain-file.js';
import { parseSuitcaseName } from '../../names/deposit.js';
import { peek } from '../../open/peek.js';
import type { UnwrappedSessionKey } from '../../pgp/sessionkey.js';
import type { Receipt } from '../../receipt/schema.js';
import type { Checks } from '../checks.js';
import type { OpeningKey } from '../key-proof.js';
import { openSuitcaseFile, type SuitcaseFile } from '../suitcase-file.js';
import { aloneWords } from './members.js';
import { tellsOf } from './stated.js';

/**
 * Null for what is no increment, and for what cannot be known before it is opened: in a pipe, which cannot be read twice, or
 * damaged. A receipt that tells of no chain saves the look.
 */
export async function chainOfAlone(
  path: string,
  { bytes }: SuitcaseFile,
  { sessionKey, cipher }: UnwrappedSessionKey,
  receipt: Receipt | null,
): Promise<Chain | null> {
  if (bytes === null || (receipt !== null && (receipt.chain?.number ?? 0) === 0)) return null;
  const { handle, preamble, consumed } = await openSuitcaseFile(path);
  try {
    const found = await peek({ fd: handle.fd, preamble, consumed, sessionKey, cipher });
    return 'error' in found ? null : found.chain;
  } finally {
    await handle.close();
  }
}

/** Adds the check `chain-suitcases` for an increment that the key opens: what else its night needs. */
export async function verifyAlone(
  file: string,
  { receipt, key }: { receipt: Receipt | null; key: OpeningKey },
  checks: Checks,
): Promise<void> {
  if (receipt !== null && (receipt.chain?.number ?? 0) === 0) return;
  const chain = await chainOfSealed(file, key, receipt);
  if (chain === null) return;
  if (receipt !== null && !tellsOf(receipt.chain, chain))
    checks.failed('chain-suitcases', 'the receipt and the suitcase name different chains');
  else
    checks[receipt === null ? 'missing' : 'notPossible'](
      'chain-suitcases',
      aloneWords(idOf(file), chain),
      'name those too, or a directory that holds them all',
    );
}

async function chainOfSealed(file: string, key: OpeningKey, receipt: Receipt | null): Promise<Chain | null> {
  const opened = await openSuitcaseFile(file);
  try {
    if (opened.bytes === null) return null;
    const unwrapped = await key.unwrap(opened.preamble.pkesk);
    try {
      return await chainOfAlone(file, opened, unwrapped, receipt);
    } finally {
      unwrapped.sessionKey.fill(0);
    }
  } finally {
    await opened.handle.close();
  }
}

/** Of the deposit, as the file's name says it; else that name. */
export function idOf(file: string): string {
  const name = path.basename(file);
  return parseSuitcaseName(name)?.depositId ?? name;
}
