/**
 * Which self-signatures of a key are valid (RFC 9580 sections 5.2.3.10 and 10.1). Our own rules on OpenPGP.js's packets, because
 * it has one hash policy for these and for revocations: a policy that refuses SHA-1 in self-signatures then ignores revocations
 * made with SHA-1 too. So these are judged strictly, and revocations (revocation.ts) leniently.
 */
import * as openpgp from 'openpgp';
import { directSignatures, type KeyPacket, type OpenPgpCertificate } from './certificate.js';
import { lenient, revocationsOf } from './revocation.js';
import { isGenuineShortEdDsa, isShortEdDsa } from './weak-hash.js';

const { hash, signature: signatureType } = openpgp.enums;

export interface SelfSignature extends openpgp.SignaturePacket {
  /** Subpacket 39: pairs of cipher and AEAD ids. */
  preferredCipherSuites: [number, number][] | null;
}

const strict = { ...openpgp.config, rejectHashAlgorithms: new Set([hash.md5, hash.sha1, hash.ripemd]), rejectMessageHashAlgorithms: new Set([hash.md5, hash.sha1, hash.ripemd]) };

/** Whether the signature is good, in force at `at`, and not made with a broken hash unless `weak`. */
async function holds(signature: openpgp.SignaturePacket, key: KeyPacket, type: openpgp.enums.signature, data: object, at: Date, weak: boolean): Promise<boolean> {
  try {
    if (weak && isShortEdDsa(signature)) return signature.created! <= at && !signature.isExpired(at) && await isGenuineShortEdDsa(signature, key, type, data);
    await signature.verify(key, type, data, at, false, weak ? lenient : strict);
    return true;
  } catch {
    return false;
  }
}

async function newestHolding(signatures: openpgp.SignaturePacket[], key: KeyPacket, type: openpgp.enums.signature, data: object, at: Date, weak = false): Promise<SelfSignature | null> {
  let newest: openpgp.SignaturePacket | null = null;
  for (const signature of signatures) {
    if (newest !== null && !(signature.created! >= newest.created!)) continue;
    if (await holds(signature, key, type, data, at, weak)) newest = signature;
  }
  return newest as SelfSignature | null;
}

/** The moment a key expires by this self-signature, or the signature itself does; null for never. */
function expiryBy(key: KeyPacket, signature: openpgp.SignaturePacket): Date | null {
  const own = signature.keyNeverExpires === false ? new Date(key.getCreationTime().getTime() + signature.keyExpirationTime! * 1000) : null;
  const signatures = signature.getExpirationTime();
  return earlier(own, signatures instanceof Date ? signatures : null);
}

/** Of two moments of expiry; null is never. */
export function earlier(a: Date | null, b: Date | null): Date | null {
  return a === null ? b : b === null ? a : a < b ? a : b;
}

/** What the self-signatures in force at a moment say about the primary key. */
export interface PrimaryStanding {
  /** In the order in which they count: of the primary user id, then the direct-key signature; version 6 has the latter only. */
  selfSignatures: SelfSignature[];
  expiresAt: Date | null;
  /** Why there is none, when `selfSignatures` is empty. */
  problem: string | null;
}

/** `weak` accepts self-signatures with SHA-1, for showing a key that no push would take. */
export async function primaryStanding(certificate: Pick<OpenPgpCertificate, 'key' | 'signatures'>, at: Date, weak = false): Promise<PrimaryStanding> {
  const { key } = certificate;
  const primary = key.keyPacket;
  const direct = await newestHolding(directSignatures(key), primary, signatureType.key, { key: primary }, at, weak);
  const selfSignatures: SelfSignature[] = [];
  if (primary.version !== 6) {
    const user = await primaryUserSignature(certificate, at, weak);
    if (user !== null) selfSignatures.push(user);
  }
  if (direct !== null) selfSignatures.push(direct);
  // Where both speak about expiry, the earlier moment counts.
  const expiresAt = selfSignatures.map((signature) => expiryBy(primary, signature)).reduce(earlier, null);
  const problem = selfSignatures.length > 0 ? null : weak || !(await primaryStanding(certificate, at, true)).selfSignatures.length
    ? 'it has no valid self-signature'
    : 'its self-signatures use SHA-1 or an older hash';
  return { selfSignatures, expiresAt, problem };
}

async function primaryUserSignature({ key, signatures }: Pick<OpenPgpCertificate, 'key' | 'signatures'>, at: Date, weak: boolean): Promise<SelfSignature | null> {
  let best: SelfSignature | null = null;
  for (const user of key.users) {
    if (user.userID === null) continue;
    const data = { userID: user.userID, key: key.keyPacket };
    const signature = await newestHolding(user.selfCertifications, key.keyPacket, signatureType.certGeneric, data, at, weak);
    if (signature === null || !outranks(signature, best)) continue;
    const revocations = await revocationsOf(signatures, key.keyPacket, signatureType.certRevocation, data);
    // A user id may be certified again after its revocation, which keys may not.
    if (!revocations.some((revocation) => revocation.at >= signature.created!)) best = signature;
  }
  return best;
}

function outranks(signature: SelfSignature, best: SelfSignature | null): boolean {
  if (best === null) return true;
  const [a, b] = [signature.isPrimaryUserID === true, best.isPrimaryUserID === true];
  return a === b ? signature.created! > best.created! : a;
}

export interface SubkeyStanding {
  binding: SelfSignature;
  expiresAt: Date | null;
}

/** The newest valid binding of a subkey at `at`; null when there is none without SHA-1. */
export async function subkeyStanding(key: openpgp.Key, subkey: openpgp.Subkey, at: Date): Promise<SubkeyStanding | null> {
  const data = { key: key.keyPacket, bind: subkey.keyPacket };
  const binding = await newestHolding(subkey.bindingSignatures, key.keyPacket, signatureType.subkeyBinding, data, at);
  return binding === null ? null : { binding, expiresAt: expiryBy(subkey.keyPacket, binding) };
}

/** A signing subkey must itself sign that it belongs to the primary key (RFC 9580 section 5.2.3.34). */
export async function backSignatureHolds(key: openpgp.Key, subkey: openpgp.Subkey, binding: SelfSignature, at: Date): Promise<boolean> {
  const back = binding.embeddedSignature;
  return back !== null && await holds(back, subkey.keyPacket, signatureType.keyBinding, { key: key.keyPacket, bind: subkey.keyPacket }, at, false);
}
