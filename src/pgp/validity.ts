/**
 * Which self-signatures of a key are valid (RFC 9580 sections 5.2.3.10 and 10.1). OpenPGP.js has one hash policy for
 * these and for revocations: one that refuses SHA-1 here would ignore revocations made with SHA-1 too. So we judge
 * these strictly ourselves, and revocations (revocation.ts) leniently.
 */
import * as openpgp from 'openpgp';
import { algorithmOf, directSignatures, internalsOf } from './certificate.js';
import type { Certificate, KeyPacket, OpenPgpCertificate } from './certificate.js';
import { clockHint, flawHint, flawOf, flawWords, telling, toUtc, type Flaw } from './flaw.js';
import { isGenuineShortEdDsa, isShortEdDsa, lenient, revocationsOf, subkeyRevocation } from './revocation.js';

const { hash, signature: signatureType } = openpgp.enums;

export interface SelfSignature extends openpgp.SignaturePacket {
  /** Subpacket 39: pairs of cipher and AEAD ids. */
  preferredCipherSuites: [number, number][] | null;
}

const strict = {
  ...openpgp.config,
  rejectHashAlgorithms: new Set([hash.md5, hash.sha1, hash.ripemd]),
  rejectMessageHashAlgorithms: new Set([hash.md5, hash.sha1, hash.ripemd]),
};

/** Null when the signature is good and in force at `at`; `weak` allows a broken hash. */
async function flawIn(
  signature: openpgp.SignaturePacket,
  key: KeyPacket,
  type: openpgp.enums.signature,
  data: object,
  at: Date,
  weak: boolean,
): Promise<Flaw | null> {
  try {
    if (weak && isShortEdDsa(signature)) {
      if (signature.created! > at) return { kind: 'future', at: signature.created! };
      if (signature.isExpired(at)) return { kind: 'expired', at: signature.getExpirationTime() as Date };
      return (await isGenuineShortEdDsa(signature, key, type, data)) ? null : { kind: 'damaged' };
    }
    await signature.verify(key, type, data, at, false, weak ? lenient : strict);
    return null;
  } catch (error) {
    return flawOf(error, signature);
  }
}

/** The newest good one, and what is wrong with those that are not. */
async function newestHolding(
  signatures: openpgp.SignaturePacket[],
  key: KeyPacket,
  type: openpgp.enums.signature,
  data: object,
  at: Date,
  weak = false,
): Promise<{ newest: SelfSignature | null; flaws: Flaw[] }> {
  let newest: openpgp.SignaturePacket | null = null;
  const flaws: Flaw[] = [];
  for (const signature of signatures) {
    if (newest !== null && !(signature.created! >= newest.created!)) continue;
    const flaw = await flawIn(signature, key, type, data, at, weak);
    if (flaw === null) newest = signature;
    else flaws.push(flaw);
  }
  return { newest: newest as SelfSignature | null, flaws };
}

/** The moment a key expires by this self-signature, or the signature itself does; null for never. */
function expiryBy(key: KeyPacket, signature: openpgp.SignaturePacket): Date | null {
  const own =
    signature.keyNeverExpires === false
      ? new Date(key.getCreationTime().getTime() + signature.keyExpirationTime! * 1000)
      : null;
  const signatures = signature.getExpirationTime();
  return earlier(own, signatures instanceof Date ? signatures : null);
}

/** Of two moments of expiry; null is never. */
export function earlier(a: Date | null, b: Date | null): Date | null {
  return a === null ? b : b === null ? a : a < b ? a : b;
}

/** What the self-signatures in force at a moment say about the primary key. */
export interface PrimaryStanding {
  /** The primary user id's counts before the direct-key signature, which is all that version 6 has. */
  selfSignatures: SelfSignature[];
  expiresAt: Date | null;
  /** Why there is none, when `selfSignatures` is empty. */
  problem: { why: string; hint: string } | null;
}

/** `weak` accepts self-signatures with SHA-1, for showing a key that no push would take. */
export async function primaryStanding(
  certificate: Pick<OpenPgpCertificate, 'key' | 'signatures'>,
  at: Date,
  weak = false,
): Promise<PrimaryStanding> {
  const { key } = certificate;
  const primary = key.keyPacket;
  const data = { key: primary };
  const direct = await newestHolding(directSignatures(key), primary, signatureType.key, data, at, weak);
  const { flaws } = direct;
  const selfSignatures: SelfSignature[] = [];
  if (primary.version !== 6) {
    const user = await primaryUserSignature(certificate, at, weak);
    flaws.push(...user.flaws);
    if (user.best !== null) selfSignatures.push(user.best);
  }
  if (direct.newest !== null) selfSignatures.push(direct.newest);
  // Where both speak about expiry, the earlier moment counts.
  const expiresAt = selfSignatures.map((signature) => expiryBy(primary, signature)).reduce(earlier, null);
  return { selfSignatures, expiresAt, problem: selfSignatures.length > 0 ? null : problemOf(certificate, flaws, at) };
}

const wholeKey = "ask the key's owner for the whole key, exported with: gpg --armor --output FILE --export FINGERPRINT";

/** Why nothing that the key says of itself counts. */
function problemOf(
  { key, signatures }: Pick<OpenPgpCertificate, 'key' | 'signatures'>,
  flaws: Flaw[],
  at: Date,
): { why: string; hint: string } {
  const created = key.getCreationTime();
  if (created > at)
    return { why: `it was made in the future, on ${toUtc(created)}, going by this machine's clock`, hint: clockHint };
  const flaw = telling(flaws);
  if (flaw !== null) return { why: `its self-signature ${flawWords(flaw)}`, hint: flawHint(flaw) };
  const unread = signatures.find((body) => body[0] !== 4 && body[0] !== 6);
  if (unread !== undefined)
    return {
      why: `depot cannot read its signatures, of version ${unread[0] ?? 'none'}`,
      hint: "ask the key's owner for a new key of version 4, which current programs make",
    };
  if (key.keyPacket.version === 6) return { why: 'it has no self-signature that says what it is for', hint: wholeKey };
  if (key.users.length === 0)
    return {
      why: 'it has no user id, so it does not say what it is for: key servers and some programs leave user ids out',
      hint: wholeKey,
    };
  return { why: 'the key itself has not signed its user ids', hint: wholeKey };
}

async function primaryUserSignature(
  { key, signatures }: Pick<OpenPgpCertificate, 'key' | 'signatures'>,
  at: Date,
  weak: boolean,
): Promise<{ best: SelfSignature | null; flaws: Flaw[] }> {
  let best: SelfSignature | null = null;
  const all: Flaw[] = [];
  for (const user of key.users) {
    if (user.userID === null) continue;
    const data = { userID: user.userID, key: key.keyPacket };
    const { selfCertifications: own } = user;
    const { certGeneric } = signatureType;
    const { newest: signature, flaws } = await newestHolding(own, key.keyPacket, certGeneric, data, at, weak);
    all.push(...flaws);
    if (signature === null || !outranks(signature, best)) continue;
    const revocations = await revocationsOf(signatures, key.keyPacket, signatureType.certRevocation, data);
    // A user id may be certified again after its revocation, which keys may not.
    const revoked = revocations.find((revocation) => revocation.at >= signature.created!);
    if (revoked === undefined) best = signature;
    else all.push({ kind: 'revoked', at: revoked.at });
  }
  return { best, flaws: all };
}

function outranks(signature: SelfSignature, best: SelfSignature | null): boolean {
  if (best === null) return true;
  const [a, b] = [signature.isPrimaryUserID === true, best.isPrimaryUserID === true];
  return a === b ? signature.created! > best.created! : a;
}

/** A binding in force, or what is wrong with those that there are (null when there are none). */
export type SubkeyStanding =
  | { binding: SelfSignature; expiresAt: Date | null }
  | { binding: null; expiresAt: null; flaw: Flaw | null };

/** By the newest valid binding of a subkey at `at`, without SHA-1. */
export async function subkeyStanding(key: openpgp.Key, subkey: openpgp.Subkey, at: Date): Promise<SubkeyStanding> {
  const primary = key.keyPacket;
  const data = { key: primary, bind: subkey.keyPacket };
  const { bindingSignatures: all } = subkey;
  const { newest: binding, flaws } = await newestHolding(all, primary, signatureType.subkeyBinding, data, at);
  return binding === null
    ? { binding, expiresAt: null, flaw: telling(flaws) }
    : { binding, expiresAt: expiryBy(subkey.keyPacket, binding) };
}

/** Null when a signing subkey signed its own binding (RFC 9580 section 5.2.3.34); else as it follows its name. */
export async function backSignatureProblem(
  key: openpgp.Key,
  subkey: openpgp.Subkey,
  binding: SelfSignature,
  at: Date,
): Promise<string | null> {
  const back = binding.embeddedSignature;
  if (back === null) return 'did not sign its own binding';
  const data = { key: key.keyPacket, bind: subkey.keyPacket };
  const flaw = await flawIn(back, subkey.keyPacket, signatureType.keyBinding, data, at, false);
  return flaw === null ? null : `signed its own binding, but that signature ${flawWords(flaw)}`;
}

export interface Subkey {
  /** Upper-case hex: 40 digits (version 4) or 64 (version 6). */
  fingerprint: string;
  /** 16 digits of it, by which packets of older versions name it (RFC 9580 section 5.5.4). */
  keyId: string;
  algorithm: string;
  createdAt: Date;
  /** Null when it does not expire by itself. */
  expiresAt: Date | null;
  /** By its binding signature; empty when there is no valid one. */
  uses: (keyof typeof uses)[];
  revoked: boolean;
}

const uses = { encryption: 0x0c, signing: 0x02, authentication: 0x20, certification: 0x01 };

/** In the order of the file, as they stand at `at`. */
export async function subkeysOf(certificate: Certificate, at: Date): Promise<Subkey[]> {
  const internals = internalsOf(certificate);
  const found: Subkey[] = [];
  for (const subkey of internals.key.subkeys) {
    const standing = await subkeyStanding(internals.key, subkey, at);
    const flags = standing.binding?.keyFlags?.[0] ?? 0;
    found.push({
      fingerprint: subkey.getFingerprint().toUpperCase(),
      keyId: subkey.getKeyID().toHex().toUpperCase(),
      algorithm: algorithmOf(subkey.keyPacket),
      createdAt: subkey.getCreationTime(),
      expiresAt: standing.expiresAt,
      uses: (Object.keys(uses) as (keyof typeof uses)[]).filter((use) => (flags & uses[use]) !== 0),
      revoked: (await subkeyRevocation(internals, subkey)) !== null,
    });
  }
  return found;
}
