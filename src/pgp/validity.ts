/**
 * Which self-signatures of a key are valid, and what revokes it (RFC 9580 sections 5.2.3.10 and
 * 10.1). Our own rules on OpenPGP.js's packets, because it has one hash policy for both: a policy
 * that refuses SHA-1 in self-signatures then ignores revocations made with SHA-1 too.
 */
import * as openpgp from 'openpgp';
import type { KeyPacket, OpenPgpCertificate } from './certificate.js';
import { toHex } from './pkesk.js';
import { isGenuineShortEdDsa, isShortEdDsa } from './weak-hash.js';

const { hash, signature: signatureType, reasonForRevocation } = openpgp.enums;

export interface SelfSignature extends openpgp.SignaturePacket {
  /** Subpacket 39: pairs of cipher and AEAD ids. */
  preferredCipherSuites: [number, number][] | null;
}

const strict = { ...openpgp.config, rejectHashAlgorithms: new Set([hash.md5, hash.sha1, hash.ripemd]), rejectMessageHashAlgorithms: new Set([hash.md5, hash.sha1, hash.ripemd]) };
const lenient = { ...openpgp.config, rejectHashAlgorithms: new Set<openpgp.enums.hash>(), rejectMessageHashAlgorithms: new Set<openpgp.enums.hash>() };
/** What `SignaturePacket.verify` takes for "do not look at the clock", which its types do not say. */
const anyTime = null as unknown as Date;

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

function directSignatures(key: openpgp.Key): openpgp.SignaturePacket[] {
  const all = (key as unknown as { directSignatures: openpgp.SignaturePacket[] }).directSignatures;
  return all.filter((signature) => signature.signatureType === signatureType.key);
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

export interface Revocation {
  at: Date;
  /** True for "compromised", "no reason" and reasons unknown: then nothing this key ever signed counts. */
  hard: boolean;
  /** For people: 'retired', 'superseded', 'compromised', 'revoked without a reason'. */
  reason: string;
}

const reasons: Record<number, string> = {
  [reasonForRevocation.keySuperseded]: 'superseded',
  [reasonForRevocation.keyCompromised]: 'compromised',
  [reasonForRevocation.keyRetired]: 'retired',
};

/**
 * The valid revocations of one type among `bodies`, whatever their hash, date or place in the key.
 * Every attempt reads the packet anew: OpenPGP.js remembers a signature as verified, whatever it was
 * verified over.
 */
async function revocationsOf(bodies: Uint8Array[], primary: KeyPacket, type: openpgp.enums.signature, data: object): Promise<Revocation[]> {
  const found: Revocation[] = [];
  for (const body of bodies) {
    if (body[1] !== (type as number) || !readableVersion(body)) continue;
    const packet = readRevocation(body);
    if (packet === null) continue;
    if (!(await isGenuine(packet, primary, type, data))) continue;
    const flag = packet.reasonForRevocationFlag;
    const hard = flag !== reasonForRevocation.keySuperseded && flag !== reasonForRevocation.keyRetired;
    found.push({ at: packet.created!, hard, reason: reasons[flag ?? -1] ?? 'revoked without a reason' });
  }
  return found;
}

async function isGenuine(packet: openpgp.SignaturePacket, primary: KeyPacket, type: openpgp.enums.signature, data: object): Promise<boolean> {
  packet.issuerKeyID = primary.getKeyID();
  try {
    if (isShortEdDsa(packet)) return await isGenuineShortEdDsa(packet, primary, type, data);
    await packet.verify(primary, type, data, anyTime, false, lenient);
    return true;
  } catch {
    return false;
  }
}

function readableVersion(body: Uint8Array): boolean {
  return body[0] === 4 || body[0] === 6;
}

/** Without what would make OpenPGP.js refuse a genuine revocation: critical parts unknown to it. */
function readRevocation(body: Uint8Array): openpgp.SignaturePacket | null {
  const packet = new openpgp.SignaturePacket();
  try {
    (packet as unknown as { read(bytes: Uint8Array): void }).read(body);
  } catch {
    return null;
  }
  packet.unknownSubpackets = [];
  packet.rawNotations = [];
  packet.revocationKeyClass = null;
  return packet;
}

/** The revocation of the primary key that weighs most: a hard one, else the earliest. */
export async function primaryRevocation({ key, signatures }: OpenPgpCertificate): Promise<Revocation | null> {
  return heaviest(await revocationsOf(signatures, key.keyPacket, signatureType.keyRevocation, { key: key.keyPacket }));
}

export async function subkeyRevocation({ key, signatures }: OpenPgpCertificate, subkey: openpgp.Subkey): Promise<Revocation | null> {
  return heaviest(await revocationsOf(signatures, key.keyPacket, signatureType.subkeyRevocation, { key: key.keyPacket, bind: subkey.keyPacket }));
}

function heaviest(revocations: Revocation[]): Revocation | null {
  return revocations.sort((a, b) => Number(b.hard) - Number(a.hard) || a.at.getTime() - b.at.getTime())[0] ?? null;
}

/**
 * Whether the key carries a revocation, of itself or of a subkey, that cannot be checked here: one that cannot be
 * read, is in the format of version 3, or is by another key that it names as its revoker. Such a key is refused rather than trusted.
 */
export function hasUncheckableRevocation({ key, signatures }: OpenPgpCertificate): boolean {
  const namesRevoker = directSignatures(key).some((signature) => signature.revocationKeyClass !== null);
  const ownId = key.getKeyID().toHex().toUpperCase();
  return signatures.some((body) => {
    if (body[0] === 3) return (body[2] === signatureType.keyRevocation || body[2] === signatureType.subkeyRevocation) && toHex(body.subarray(7, 15)) === ownId;
    if (body[1] !== signatureType.keyRevocation && body[1] !== signatureType.subkeyRevocation) return false;
    const packet = readRevocation(body);
    return packet === null || (namesRevoker && packet.issuerKeyID.toHex().toUpperCase() !== ownId);
  });
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
