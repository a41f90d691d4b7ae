/** Public-key encrypted session key packets (RFC 9580 section 5.1) as bytes, without any cipher. */
import { DepotError } from '../errors.js';
import type { Aes } from './cfb.js';
import { malformed, packetType, splitPackets } from './packets.js';

export interface PkeskDescription {
  version: 3 | 6;
  /** Key id (version 3, 16 hex) or fingerprint (version 6); '' when the recipient is anonymous. */
  recipient: string;
  /** Of the public key, e.g. 'ECDH'. */
  algorithm: string;
}

/** RFC 9580 section 9.1. */
export const algorithmNames: Record<number, string> = {
  1: 'RSA',
  2: 'RSA',
  3: 'RSA',
  8: 'Kyber of GnuPG',
  16: 'ElGamal',
  17: 'DSA',
  18: 'ECDH',
  19: 'ECDSA',
  20: 'ElGamal',
  22: 'EdDSA',
  25: 'X25519',
  26: 'X448',
  27: 'Ed25519',
  28: 'Ed448',
  30: 'ML-DSA-65+Ed25519',
  31: 'ML-DSA-87+Ed448',
  32: 'SLH-DSA-SHAKE-128s',
  33: 'SLH-DSA-SHAKE-128f',
  34: 'SLH-DSA-SHAKE-256s',
  35: 'ML-KEM-768+X25519',
  36: 'ML-KEM-1024+X448',
};

/** RFC 9580 section 9.3. */
const ciphers: Record<number, string> = {
  0: 'no cipher',
  1: 'IDEA',
  2: 'TripleDES',
  3: 'CAST5',
  4: 'Blowfish',
  7: 'AES-128',
  8: 'AES-192',
  9: 'AES-256',
  10: 'Twofish',
  11: 'Camellia-128',
  12: 'Camellia-192',
  13: 'Camellia-256',
};

export function cipherName(id: number | null | undefined): string {
  return id === null || id === undefined
    ? 'a cipher other than AES, such as Camellia'
    : (ciphers[id] ?? `cipher ${id}`);
}

export const aesOf: Record<number, Aes> = { 7: 'AES-128', 8: 'AES-192', 9: 'AES-256' };

export const openWithGpg =
  'decrypt it with: gpg -d -o NEW-FILE FILE; use what that wrote only when it ends with exit code 0';

/** A session key for this cipher, which is not AES. */
export function otherCipher(id: number | null): DepotError {
  return new DepotError(
    'verification-failed',
    `encrypted with ${cipherName(id)}, which depot cannot read: it reads AES only`,
    { hint: openWithGpg },
  );
}

/** Upper-case, as fingerprints and key ids are written. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
}

/** Describes the body of one PKESK packet. Throws 'verification-failed' when it is cut or of another version. */
export function describePkesk(body: Uint8Array): PkeskDescription {
  const version = body[0];
  if (version === 3) return { version, recipient: v3Recipient(body), algorithm: algorithmName(body[9]) };
  if (version !== 6) throw malformed(`session key packet version ${version ?? 'none'} is unknown`);
  const size = body[1] ?? 0;
  const keyVersion = body[2];
  if (size > 0 && !(keyVersion === 4 && size === 21) && !(keyVersion === 6 && size === 33))
    throw malformed('a session key packet names no valid fingerprint');
  const recipient = size === 0 ? '' : toHex(body.subarray(3, 2 + size));
  return { version, recipient, algorithm: algorithmName(body[2 + size]) };
}

function v3Recipient(body: Uint8Array): string {
  const id = toHex(body.subarray(1, 9));
  return /^0+$/.test(id) ? '' : id;
}

function algorithmName(id: number | undefined): string {
  if (id === undefined) throw malformed('a session key packet is cut short');
  return algorithmNames[id] ?? `algorithm ${id}`;
}

/** The bodies of concatenated PKESK packets. Throws 'verification-failed' when there is anything else. */
export function pkeskBodies(pkesk: Uint8Array): Uint8Array[] {
  return [...splitPackets(pkesk)].map((packet) => {
    if (packet.type !== packetType.pkesk) throw malformed(`packet type ${packet.type} among the session key packets`);
    return packet.body;
  });
}

/** As a receipt and `readPreamble` hold them. */
export function describePkesks(pkesk: Uint8Array): PkeskDescription[] {
  return pkeskBodies(pkesk).map(describePkesk);
}
