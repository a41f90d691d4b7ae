/** Certificates and secret keys; OpenPGP.js's objects stay inside this folder. */
import * as openpgp from 'openpgp';
import { DepotError } from '../errors.js';

export type SecretPacket = openpgp.SecretKeyPacket | openpgp.SecretSubkeyPacket;
export type KeyPacket = openpgp.PublicKeyPacket | openpgp.PublicSubkeyPacket | SecretPacket;

/** A public key with its user ids and subkeys (RFC 9580 section 10.1), or a secret key. For this folder only. */
export class OpenPgpCertificate {
  /** Upper-case hex: 40 digits (version 4) or 64 (version 6). */
  readonly fingerprint: string;
  readonly version: 4 | 6;
  /** As the key's owner wrote them: pass through `printable` before showing. */
  readonly userIds: string[];
  /** Of the primary key, such as 'Ed25519' or 'RSA 3072'. */
  readonly algorithm: string;
  readonly createdAt: Date;
  /** By the newest self-signature; null when it does not expire. */
  readonly expiresAt: Date | null;
  readonly isSecret: boolean;
  readonly key: openpgp.Key;
  /** Bodies of all signature packets, those that OpenPGP.js skips too. */
  readonly signatures: Uint8Array[];
  /** What the subkeys are of that OpenPGP.js skips, such as 'algorithm 35 (ML-KEM-768+X25519)'. */
  readonly unread: string[];

  constructor(key: openpgp.Key, signatures: Uint8Array[], unread: string[], expiresAt: Date | null) {
    this.key = key;
    this.signatures = signatures;
    this.unread = unread;
    this.fingerprint = key.getFingerprint().toUpperCase();
    this.version = key.keyPacket.version === 6 ? 6 : 4;
    this.userIds = key.users.flatMap((user) => (user.userID === null ? [] : [user.userID.userID]));
    this.algorithm = algorithmOf(key.keyPacket);
    this.createdAt = key.getCreationTime();
    this.expiresAt = expiresAt;
    this.isSecret = key.isPrivate();
  }

  /** ASCII armour of the public part only. */
  armored(): string {
    return this.key.toPublic().armor();
  }
}

/** What the rest of depot sees. */
export type Certificate = Omit<OpenPgpCertificate, 'key' | 'signatures' | 'unread'>;

/** Its secret parts are unlocked, as far as they are in the file. */
export interface SecretKey extends Certificate {
  readonly isSecret: true;
}

/** The class behind a Certificate. */
export function internalsOf(certificate: Certificate): OpenPgpCertificate {
  if (certificate instanceof OpenPgpCertificate) return certificate;
  throw new DepotError('internal', 'a certificate that readCertificate did not make');
}

export function internalsOfSecret(secret: SecretKey): OpenPgpCertificate & { key: openpgp.PrivateKey } {
  const internals = internalsOf(secret);
  if (!internals.key.isPrivate()) throw new DepotError('internal', 'a secret key without secret part');
  return internals as OpenPgpCertificate & { key: openpgp.PrivateKey };
}

/** Signatures over the primary key alone (RFC 9580 section 5.2.1.10), which OpenPGP.js's types leave out. */
export function directSignatures(key: openpgp.Key): openpgp.SignaturePacket[] {
  const all = (key as unknown as { directSignatures: openpgp.SignaturePacket[] }).directSignatures;
  return all.filter((signature) => signature.signatureType === openpgp.enums.signature.key);
}

const names: Record<string, string> = {
  curve25519Legacy: 'Curve25519',
  ed25519Legacy: 'Ed25519',
  nistP256: 'NIST P-256',
  nistP384: 'NIST P-384',
  nistP521: 'NIST P-521',
  x25519: 'X25519',
  x448: 'X448',
  ed25519: 'Ed25519',
  ed448: 'Ed448',
  dsa: 'DSA',
  elgamal: 'ElGamal',
};

/** 'Curve25519', 'RSA 3072', 'NIST P-256'. */
export function algorithmOf(packet: KeyPacket): string {
  const { algorithm, bits, curve } = packet.getAlgorithmInfo();
  if (curve !== undefined) return names[curve] ?? curve;
  const name = algorithm.startsWith('rsa') ? 'RSA' : (names[algorithm] ?? algorithm);
  return bits === undefined ? name : `${name} ${bits}`;
}
