import { DepotError } from '../errors.js';
import { checkHead, computeTail } from '../pgp/proof.js';
import type { UnwrappedSessionKey } from '../pgp/sessionkey.js';
import { sameBytes } from '../primitives.js';
import { commitmentOf, openingOf } from '../receipt/proof.js';
import { fromBase64 } from '../base64.js';
import type { Receipt } from '../receipt/schema.js';

/** A private key as the opening of a suitcase needs it: it may be in memory, or live where nobody can read it. */
export interface OpeningKey {
  /** @throws DepotError 'not-addressed', 'verification-failed'; the caller wipes the session key */
  unwrap(pkesk: Uint8Array): Promise<UnwrappedSessionKey>;
}

/** What a successful key proof yields; `opening` is what only a holder of the key can show. */
export interface KeyProof {
  keyFingerprint: string;
  sessionKey: Uint8Array;
  opening: Uint8Array;
}

/**
 * The key proof (docs/format.md): the key opens the very message of which the receipt quotes PKESKs, head and tail.
 * @throws DepotError 'not-addressed' (another key), 'verification-failed' (the receipt's parts do not belong together)
 */
export async function proveKey({ depositId, keyProof, encryption }: Receipt, key: OpeningKey): Promise<KeyProof> {
  const pkesk = fromBase64(keyProof.pkesk)!;
  const head = fromBase64(keyProof.head)!;
  const { sessionKey, keyFingerprint } = await key.unwrap(pkesk);
  try {
    const opening = openingOf(sessionKey, pkesk, depositId);
    checkOpening({ keyProof, encryption }, head, sessionKey, opening);
    return { keyFingerprint, sessionKey, opening };
  } catch (error) {
    // Nobody else has it to wipe.
    sessionKey.fill(0);
    throw error;
  }
}

function checkOpening(
  { keyProof, encryption }: Pick<Receipt, 'keyProof' | 'encryption'>,
  head: Uint8Array,
  sessionKey: Uint8Array,
  opening: Uint8Array,
): void {
  if (commitmentOf(opening) !== keyProof.commitment) {
    throw wrong('the session key in the receipt is not the one that its commitment was made of');
  }
  if (encryption.packet === 'SEIPDv1') {
    const compression = checkHead(head, sessionKey);
    if (compression !== encryption.compression)
      throw wrong(`the head holds ${compression} data, but the receipt says ${encryption.compression}`);
  } else {
    const tail = computeTail(head, sessionKey, keyProof.plaintextOctets);
    if (!sameBytes(tail, fromBase64(keyProof.tail!)!))
      throw wrong('the session key does not fit the head and the tail of the suitcase');
  }
}

function wrong(message: string): DepotError {
  return new DepotError('verification-failed', message);
}
