/** How much may come out, where neither the person nor a signed receipt says it. */
import type { Limit } from '../open/opening.js';
import { allowedBytes, contentLimit } from '../reader/limits.js';
import type { Receipt } from '../receipt/schema.js';

const TIMES_THE_SUITCASE = 100;
const AT_LEAST = 2 ** 30;

/** The most without a receipt: text compresses to a tenth, seldom to a fiftieth; only bombs and zeros to less. */
export function mostUnproven(suitcaseBytes: number): number {
  return Math.max(AT_LEAST, TIMES_THE_SUITCASE * suitcaseBytes);
}

/** For the files of a whole night. `signed`: by a given signer; `most`: what the person allows. */
export function nightLimit(
  chain: Receipt['chain'],
  { signed, most, bytes }: { signed: boolean; most: number | null; bytes: number },
): Limit {
  if (most !== null) return allowedBytes(most, 'user');
  if (chain === undefined) return allowedBytes(mostUnproven(bytes), 'nobody');
  const { entries, bytes: claimed } = chain;
  const stated = contentLimit({ entries, bytes: claimed });
  return signed
    ? allowedBytes(stated, 'receipt')
    : allowedBytes(Math.min(stated, mostUnproven(bytes)), 'unverified receipt');
}
