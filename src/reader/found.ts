/** What an opened suitcase turned out to be, against what was said of it. */
import type { ManifestResult } from '../dataset/compare.js';
import { DepotError } from '../errors.js';
import type { OpenResult } from '../open/opening.js';
import type { UnwrappedSessionKey } from '../pgp/sessionkey.js';
import { fromBase64 } from '../base64.js';
import { commitmentOf, openingOf } from '../receipt/proof.js';
import type { Receipt } from '../receipt/schema.js';
import { deniedBy, tellsOf } from './chain/stated.js';
import { otherReceipt } from './exhibits.js';
import type { SuitcaseFile } from './suitcase-file.js';

/** @throws DepotError 'verification-failed' */
export function sameAsReceipt(opened: OpenResult, receipt: Receipt | null): void {
  if (receipt === null) return;
  if (opened.sha256 !== receipt.suitcase.sha256)
    throw wrong(`the suitcase has SHA-256 ${opened.sha256}, but the receipt says ${receipt.suitcase.sha256}`);
  if (opened.contents !== null && opened.contents.manifestSha256 !== receipt.dataset.manifestSha256)
    throw wrong('the manifest is not the one that the receipt names');
  if (opened.contents === null) return;
  if (!tellsOf(receipt.chain, opened.contents.chain ?? null))
    throw wrong('the receipt and the suitcase name different chains');
  const denied = deniedBy(receipt.chain, opened.contents);
  if (denied !== null) throw wrong(denied);
}

/** What can be known before anything is decrypted. @throws DepotError 'verification-failed' */
export function belongsTogether(
  path: string,
  { preamble, bytes }: SuitcaseFile,
  { sessionKey }: UnwrappedSessionKey,
  { depositId, suitcase, keyProof }: Receipt,
): void {
  const differs = (found: Uint8Array, expected: string): boolean => Buffer.compare(found, fromBase64(expected)!) !== 0;
  if (differs(preamble.pkesk, keyProof.pkesk) || differs(preamble.head, keyProof.head)) {
    throw wrong(`this suitcase is not that of the receipt, ${depositId}`, otherReceipt(path, depositId));
  }
  if (bytes !== null && bytes !== suitcase.bytes)
    throw wrong(`the suitcase has ${bytes} bytes, but the receipt says ${suitcase.bytes}`);
  if (commitmentOf(openingOf(sessionKey, preamble.pkesk, depositId)) !== keyProof.commitment)
    throw wrong('the session key is not the one that the receipt commits to');
}

/** The contents, when they are what their own manifest says. @throws DepotError 'verification-failed' */
export function agreeing(opened: OpenResult): ManifestResult {
  const contents = opened.contents!;
  const { problems } = contents;
  if (problems.length > 0) throw wrong(`the contents are not what the manifest says: ${problems.join('; ')}`);
  return contents;
}

export function wrong(message: string, hint?: string | null): DepotError {
  return new DepotError('verification-failed', message, { hint: hint ?? undefined });
}
