/**
 * What revokes a key, a subkey or a user id (RFC 9580 sections 5.2.1.11 to 5.2.1.13). Judged leniently: a revocation
 * that the key made counts whatever its hash, date and place, since we must not use a key that its owner has withdrawn.
 */
import * as openpgp from 'openpgp';
import { verifyEdDsa } from '../primitives.js';
import { directSignatures, type KeyPacket, type OpenPgpCertificate } from './certificate.js';
import { digestOf, edDsaSignature } from './ed25519.js';
import { flawOf, flawWords, isForeign, type Flaw } from './flaw.js';
import { toHex } from './pkesk.js';

const { hash, publicKey, signature: signatureType, reasonForRevocation } = openpgp.enums;

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
  /** 'retired', 'superseded', 'compromised', 'revoked without a reason'. */
  reason: string;
}

const reasons: Record<number, string> = {
  [reasonForRevocation.keySuperseded]: 'superseded',
  [reasonForRevocation.keyCompromised]: 'compromised',
  [reasonForRevocation.keyRetired]: 'retired',
};

/** The one that weighs most: a hard one, else the earliest. */
export async function primaryRevocation({ key, signatures }: OpenPgpCertificate): Promise<Revocation | null> {
  return heaviest(await revocationsOf(signatures, key.keyPacket, signatureType.keyRevocation, { key: key.keyPacket }));
}

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
 * Whether the key carries a revocation, of itself or of a subkey, that cannot be checked here: unreadable, of version
 * 3, or by another key that it names as its revoker. Such a key is refused.
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

/** Of one type. Each is read anew: OpenPGP.js remembers a signature as verified, whatever it was verified over. */
export async function revocationsOf(
  bodies: Uint8Array[],
  primary: KeyPacket,
  type: openpgp.enums.signature,
  data: object,
): Promise<Revocation[]> {
  const found: Revocation[] = [];
  for (const body of bodies) {
    if (body[1] !== (type as number) || (body[0] !== 4 && body[0] !== 6)) continue;
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

const shortHashes = new Set<openpgp.enums.hash | null>([hash.md5, hash.sha1, hash.ripemd, hash.sha224]);
const curves = new Map<openpgp.enums.publicKey | null, { name: 'Ed25519' | 'Ed448'; size: number }>([
  [publicKey.eddsaLegacy, { name: 'Ed25519', size: 32 }],
  [publicKey.ed25519, { name: 'Ed25519', size: 32 }],
  [publicKey.ed448, { name: 'Ed448', size: 57 }],
]);

/**
 * An EdDSA signature over a short digest. RFC 9580 section 5.2.3.3 forbids to trust them, and OpenPGP.js does not even
 * look; but a revocation that GnuPG made with `--digest-algo SHA1` is genuine.
 */
export function isShortEdDsa(signature: openpgp.SignaturePacket): boolean {
  return curves.has(signature.publicKeyAlgorithm) && shortHashes.has(signature.hashAlgorithm);
}

/** Whether `key` made it over `data`; no dates, no policy. */
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
  if (curve === undefined || point?.length !== curve.size) return false;
  return verifyEdDsa(curve.name, point, await digestOf(signature, type, data), edDsaSignature(signature, curve.size));
}
