/** ASCII armour (RFC 9580 section 6.2). */
import * as openpgp from 'openpgp';
import { DepotError } from '../errors.js';

const beginning = '-----BEGIN PGP ';

/** Binary packets always start with the high bit set, text never does (a UTF-8 mark aside). */
export function isArmored(bytes: Uint8Array | string): bytes is string | Uint8Array<ArrayBuffer> {
  if (typeof bytes === 'string' || bytes.length === 0) return true;
  return (bytes[0]! & 0x80) === 0 || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf);
}

/** Makes the error that the caller throws, from what is wrong with the armour. */
export type Refusal = (what: string, cause?: unknown) => DepotError;

/**
 * The binary content of the only armoured block. Throws what `refuse` makes when there is none, more
 * than one (the others would silently go unread, a revocation for instance), or one of another type.
 */
export async function dearmor(bytes: Uint8Array | string, expected: openpgp.enums.armor[], refuse: Refusal): Promise<Uint8Array> {
  const text = typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes);
  const blocks = text.split(beginning).length - 1;
  if (blocks === 0) throw refuse('no OpenPGP data in it');
  if (blocks > 1) throw refuse(`${blocks} armoured blocks in it, where one was expected`);
  try {
    // Declared with a stream in it; for a string it is an array.
    const { data, type } = (await openpgp.unarmor(text)) as unknown as { data: Uint8Array; type: openpgp.enums.armor };
    if (!expected.includes(type)) throw refuse('an armoured block of another kind');
    return data;
  } catch (cause) {
    if (cause instanceof DepotError) throw cause;
    throw refuse('its armour is damaged', cause);
  }
}
