/** Ed25519 signatures by the platform itself: OpenPGP.js takes four times as long, which a ledger of twenty thousand receipts shows. */
import * as openpgp from 'openpgp';
import { isEd25519Signature, type SignedDigest } from '../primitives.js';
import type { KeyPacket } from './certificate.js';
import { concat } from './packets.js';

const { curve, hash, publicKey, signature: signatureType } = openpgp.enums;
const { ed25519Legacy } = curve as unknown as Record<string, string>;

/** The parts of OpenPGP.js's classes that its types leave out. */
interface Internals {
  params: { r?: Uint8Array; s?: Uint8Array; RS?: Uint8Array };
  signedHashValue: Uint8Array;
  /** Of version 6 only. */
  salt: Uint8Array | null;
  toHash(type: openpgp.enums.signature, data: object, detached: boolean): Uint8Array;
  hash(type: openpgp.enums.signature, data: object, toHash: Uint8Array): Promise<Uint8Array>;
}

/** Hashes that are long enough, with the bytes of salt that a signature of version 6 has then (RFC 9580 section 9.5). */
const longHashes = new Map<openpgp.enums.hash | null, { name: SignedDigest['algorithm']; salt: number }>([
  [hash.sha256, { name: 'sha256', salt: 16 }],
  [hash.sha384, { name: 'sha384', salt: 24 }],
  [hash.sha512, { name: 'sha512', salt: 32 }],
]);

/**
 * Whether this is a good signature by `key` over a literal packet, with nothing in it that needs a second thought. False says
 * nothing: then OpenPGP.js is to decide, which also knows what is wrong.
 */
export async function isPlainEd25519(
  signature: openpgp.SignaturePacket,
  key: KeyPacket,
  literal: object,
): Promise<boolean> {
  const point = pointOf(key);
  const algorithm = longHashes.get(signature.hashAlgorithm);
  const internals = signature as unknown as Internals;
  const isPlain =
    point !== null &&
    algorithm !== undefined &&
    signature.publicKeyAlgorithm === key.algorithm &&
    signature.issuerKeyID.equals(key.getKeyID()) &&
    (internals.salt === null || internals.salt.length === algorithm.salt) &&
    [...signature.unknownSubpackets, ...signature.rawNotations].every(({ critical }) => !critical) &&
    signature.revocationKeyClass === null;
  if (!isPlain) return false;
  const bytes = internals.toHash(signatureType.binary, literal, true);
  const signed = { algorithm: algorithm.name, bytes, beginning: internals.signedHashValue };
  return isEd25519Signature(point, signed, edDsaSignature(signature, 32));
}

/** Q is 0x40 and the point, A the point alone. */
function pointOf(key: KeyPacket): Uint8Array | null {
  const { Q, A } = key.publicParams as { Q?: Uint8Array; A?: Uint8Array };
  const { algorithm } = key as { algorithm: unknown };
  if (algorithm === publicKey.ed25519) return A?.length === 32 ? A : null;
  if (algorithm !== publicKey.eddsaLegacy || key.getAlgorithmInfo().curve !== ed25519Legacy) return null;
  return Q?.length === 33 && Q[0] === 0x40 ? Q.subarray(1) : null;
}

/** What was signed. */
export async function digestOf(
  signature: openpgp.SignaturePacket,
  type: openpgp.enums.signature,
  data: object,
  detached = false,
): Promise<Uint8Array> {
  const internals = signature as unknown as Internals;
  return internals.hash(type, data, internals.toHash(type, data, detached));
}

/** R and S of `size` bytes each (RFC 8032), in whichever form the packet has them. */
export function edDsaSignature(signature: openpgp.SignaturePacket, size: number): Uint8Array {
  const { r, s, RS } = (signature as unknown as Internals).params;
  return RS ?? concat(leftPad(r, size), leftPad(s, size));
}

/** An MPI has lost its leading zeros; these values are little-endian byte strings all the same. One that is too long stays so: no signature has it. */
function leftPad(value: Uint8Array = new Uint8Array(), size: number): Uint8Array {
  const padded = new Uint8Array(Math.max(size, value.length));
  padded.set(value, padded.length - value.length);
  return padded;
}
