/** Which keys are too weak to use, or broken: the numbers of a key packet, given to weak-key.ts. */
import * as openpgp from 'openpgp';
import {
  bigIntOf,
  edwardsFlaw,
  isUnusualExponent,
  isWeierstrass,
  montgomeryFlaw,
  rsaFlaw,
  weierstrassFlaw,
} from '../weak-key.js';
import { algorithmOf, type KeyPacket } from './certificate.js';

/** Big-endian integers, or points as the algorithm encodes them. */
interface Parameters {
  n?: Uint8Array;
  e?: Uint8Array;
  /** 0x40 and the point for Curve25519 and Ed25519 of version 4, else 0x04, x and y. */
  Q?: Uint8Array;
  /** The point alone: X25519, X448, Ed25519, Ed448. */
  A?: Uint8Array;
}

const { curve25519Legacy: curve25519, ed25519Legacy: ed25519 } = openpgp.enums.curve as unknown as Record<
  string,
  string
>;

/** Why the key of this packet is not to be used, or null. */
export function weaknessOf(packet: KeyPacket): string | null {
  const { algorithm, bits, curve } = packet.getAlgorithmInfo();
  const { n, e, Q, A } = packet.publicParams as Parameters;
  if (algorithm === 'dsa' || algorithm === 'elgamal') return `${algorithmOf(packet)} is no longer accepted`;
  if (n !== undefined && e !== undefined)
    return bits === undefined || bits < 2048 ? `RSA ${bits ?? ''} is too short` : rsaFlaw(bigIntOf(n), bigIntOf(e));
  if (algorithm === 'x25519' && A !== undefined) return montgomeryFlaw('X25519', A);
  if (algorithm === 'x448' && A !== undefined) return montgomeryFlaw('X448', A);
  if (algorithm === 'ed25519' && A !== undefined) return edwardsFlaw('Ed25519', A);
  if (algorithm === 'ed448' && A !== undefined) return edwardsFlaw('Ed448', A);
  if (Q === undefined || curve === undefined) return null;
  if (curve === curve25519)
    return Q[0] === 0x40 ? montgomeryFlaw('X25519', Q.subarray(1)) : 'its point is not in the form of Curve25519';
  if (curve === ed25519)
    return Q[0] === 0x40 ? edwardsFlaw('Ed25519', Q.subarray(1)) : 'its point is not in the form of Ed25519';
  return isWeierstrass(curve) ? weierstrassFlaw(curve, Q) : null;
}

/** What is worth replacing, as it follows "key X: "; none of it is a reason to refuse the key. */
export function remarkOn(packet: KeyPacket): string | null {
  const { algorithm, bits } = packet.getAlgorithmInfo();
  if (!algorithm.startsWith('rsa')) return null;
  if (bits !== undefined && bits < 3072) return `RSA ${bits} is short; replace it by RSA 3072 or Curve25519`;
  const { e } = packet.publicParams as Parameters;
  return e !== undefined && isUnusualExponent(bigIntOf(e))
    ? `its RSA exponent is ${bigIntOf(e)}, where current programs use 65537; replace it by a new key`
    : null;
}
