/**
 * EdDSA signatures over short digests. RFC 9580 section 5.2.3.3 forbids to trust them, and OpenPGP.js
 * does not even look; but a revocation that GnuPG made with `--digest-algo SHA1` is genuine, and
 * ignoring it would mean to encrypt to a key whose owner has withdrawn it.
 */
import * as openpgp from 'openpgp';
import { verifyEdDsa } from '../primitives.js';
import type { KeyPacket } from './certificate.js';
import { concat } from './packets.js';

const { hash, publicKey } = openpgp.enums;
const shortHashes = new Set<openpgp.enums.hash | null>([hash.md5, hash.sha1, hash.ripemd, hash.sha224]);
const curves = new Map<openpgp.enums.publicKey | null, { name: 'Ed25519' | 'Ed448'; octets: number }>([
  [publicKey.eddsaLegacy, { name: 'Ed25519', octets: 32 }],
  [publicKey.ed25519, { name: 'Ed25519', octets: 32 }],
  [publicKey.ed448, { name: 'Ed448', octets: 57 }],
]);

/** The parts of OpenPGP.js's classes that its types leave out. */
interface Internals {
  params: { r?: Uint8Array; s?: Uint8Array; RS?: Uint8Array };
  toHash(type: openpgp.enums.signature, data: object): Uint8Array;
  hash(type: openpgp.enums.signature, data: object, toHash: Uint8Array): Promise<Uint8Array>;
}

/** Whether this is a signature that only this file can check. */
export function isShortEdDsa(signature: openpgp.SignaturePacket): boolean {
  return curves.has(signature.publicKeyAlgorithm) && shortHashes.has(signature.hashAlgorithm);
}

/** Whether `key` made it over `data`: nothing but the mathematics, no dates, no policy. */
export async function isGenuineShortEdDsa(
  signature: openpgp.SignaturePacket,
  key: KeyPacket,
  type: openpgp.enums.signature,
  data: object,
): Promise<boolean> {
  const curve = curves.get(signature.publicKeyAlgorithm);
  const { Q, A } = key.publicParams as { Q?: Uint8Array; A?: Uint8Array };
  // Q is 0x40 and the point, A the point alone.
  const point = Q?.subarray(1) ?? A;
  if (curve === undefined || point?.length !== curve.octets) return false;
  const internals = signature as unknown as Internals;
  const digest = await internals.hash(type, data, internals.toHash(type, data));
  const { r, s, RS } = internals.params;
  const octets = RS ?? concat(leftPad(r, curve.octets), leftPad(s, curve.octets));
  return verifyEdDsa(curve.name, point, digest, octets);
}

/** An MPI has lost its leading zeros; these values are little-endian byte strings all the same. */
function leftPad(value: Uint8Array | undefined, octets: number): Uint8Array {
  const padded = new Uint8Array(octets);
  if (value !== undefined && value.length <= octets) padded.set(value, octets - value.length);
  return padded;
}
