/**
 * What revokes a key, a subkey or a user id (RFC 9580 sections 5.2.1.11 to 5.2.1.13). Judged leniently: whatever its hash, its date and
 * its place in the key, a revocation that the key made counts, for ignoring it would mean to use a key that its owner has withdrawn.
 */
import * as openpgp from 'openpgp';
import { directSignatures, type KeyPacket, type OpenPgpCertificate } from './certificate.js';
import { flawOf, flawWords, isForeign, type Flaw } from './flaw.js';
import { toHex } from './pkesk.js';
import { isGenuineShortEdDsa, isShortEdDsa } from './weak-hash.js';

const { signature: signatureType, reasonForRevocation } = openpgp.enums;

/** Any hash will do. */
export const lenient = {
  ...openpgp.config,
  rejectHashAlgorithms: new Set<openpgp.enums.hash>(),
  rejectMessageHashAlgorithms: new Set<openpgp.enums.hash>(),
};
/** What `SignaturePacket.verify` takes for "do not look at the clock", which its types do not say. */
const anyTime = null as unknown as Date;

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

/** The revocation of the primary key that weighs most: a hard one, else the earliest. */
export async function primaryRevocation({ key, signatures }: OpenPgpCertificate): Promise<Revocation | null> {
  return heaviest(await revocationsOf(signatures, key.keyPacket, signatureType.keyRevocation, { key: key.keyPacket }));
}

/** The one that weighs most among those of a subkey. */
export async function subkeyRevocation(
  { key, signatures }: OpenPgpCertificate,
  subkey: openpgp.Subkey,
): Promise<Revocation | null> {
  return heaviest(
    await revocationsOf(signatures, key.keyPacket, signatureType.subkeyRevocation, {
      key: key.keyPacket,
      bind: subkey.keyPacket,
    }),
  );
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
    if (body[0] === 3)
      return (
        (body[2] === signatureType.keyRevocation || body[2] === signatureType.subkeyRevocation) &&
        toHex(body.subarray(7, 15)) === ownId
      );
    if (body[1] !== signatureType.keyRevocation && body[1] !== signatureType.subkeyRevocation) return false;
    const packet = readRevocation(body);
    return packet === null || (namesRevoker && packet.issuerKeyID.toHex().toUpperCase() !== ownId);
  });
}

/**
 * The valid revocations of one type among `bodies`, whatever their hash, date or place in the key.
 * Every attempt reads the packet anew: OpenPGP.js remembers a signature as verified, whatever it was
 * verified over.
 */
export async function revocationsOf(
  bodies: Uint8Array[],
  primary: KeyPacket,
  type: openpgp.enums.signature,
  data: object,
): Promise<Revocation[]> {
  const found: Revocation[] = [];
  for (const body of bodies) {
    if (body[1] !== (type as number) || !readableVersion(body)) continue;
    const packet = readRevocation(body);
    if (packet === null) continue;
    const flaw = await flawIn(packet, primary, type, data);
    if (flaw !== null && isForeign(flaw)) continue;
    const flag = packet.reasonForRevocationFlag;
    const hard = flag !== reasonForRevocation.keySuperseded && flag !== reasonForRevocation.keyRetired;
    const reason = reasons[flag ?? -1] ?? 'revoked without a reason';
    // One that could not be checked may be genuine: then the key must not be used.
    found.push({
      at: packet.created!,
      hard: hard || flaw !== null,
      reason: flaw === null ? reason : `by a signature that ${flawWords(flaw)}`,
    });
  }
  return found;
}

async function flawIn(
  packet: openpgp.SignaturePacket,
  primary: KeyPacket,
  type: openpgp.enums.signature,
  data: object,
): Promise<Flaw | null> {
  packet.issuerKeyID = primary.getKeyID();
  try {
    if (isShortEdDsa(packet))
      return (await isGenuineShortEdDsa(packet, primary, type, data)) ? null : { kind: 'damaged' };
    await packet.verify(primary, type, data, anyTime, false, lenient);
    return null;
  } catch (error) {
    return flawOf(error, packet);
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
