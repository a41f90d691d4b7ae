import * as openpgp from 'openpgp';
import { DepotError } from '../errors.js';
import { said } from '../printable.js';
import { dearmor } from './armor.js';
import { internalsOf, internalsOfSecret, OpenPgpCertificate } from './certificate.js';
import type { Certificate, SecretKey, SecretPacket } from './certificate.js';
import { isArmored, packetType, splitPackets, type WholePacket } from './packets.js';
import { isElsewhere, whyStillLocked } from './locked.js';
import { algorithmNames } from './pkesk.js';
import { primaryStanding } from './validity.js';

/** Exactly one key of version 4 or 6, armoured or binary, public or secret. Throws 'key-unreadable'. */
export async function readCertificate(bytes: Uint8Array | string): Promise<Certificate> {
  const { publicKey, privateKey } = openpgp.enums.armor;
  const binary = isArmored(bytes)
    ? await dearmor(bytes, [publicKey, privateKey], (what, cause) => unreadable(what, undefined, cause))
    : bytes;
  const packets = keyPackets(binary);
  const primaries = packets.filter(
    (packet) => packet.type === packetType.publicKey || packet.type === packetType.secretKey,
  );
  if (primaries.length > 1)
    throw unreadable(`${primaries.length} keys in it, where one was expected`, 'export one key by its fingerprint');
  const version = primaries[0]?.body[0];
  if (version !== undefined && version !== 4 && version !== 6)
    throw unreadable(
      `a key of version ${version}, where 4 or 6 was expected`,
      version === 5 ? 'ask for a key of version 4: only GnuPG reads version 5' : 'ask for a new key',
    );
  const key = await readKey(binary, primaries[0]);
  const signatures = packets.filter((packet) => packet.type === packetType.signature).map((packet) => packet.body);
  const { expiresAt } = await primaryStanding({ key, signatures }, new Date(), true);
  return new OpenPgpCertificate(key, signatures, unreadSubkeys(packets, key), expiresAt);
}

async function readKey(binary: Uint8Array, primary: WholePacket | undefined): Promise<openpgp.Key> {
  try {
    return await openpgp.readKey({ binaryKey: binary });
  } catch (cause) {
    if (primary === undefined) throw unreadable(`no OpenPGP key in it (${said(cause)})`, undefined, cause);
    throw unreadable(
      `its primary key, of ${kindOf(primary)}, cannot be read; OpenPGP.js says: ${said(cause)}`,
      'look at it with another program: gpg --show-keys FILE; then ask for an RSA or Curve25519 key',
      cause,
    );
  }
}

/** OpenPGP.js leaves out subkeys that it does not know. */
function unreadSubkeys(packets: WholePacket[], key: openpgp.Key): string[] {
  const read = key.subkeys.map(({ keyPacket }) =>
    (keyPacket as unknown as { writePublicKey(): Uint8Array }).writePublicKey(),
  );
  const isRead = (body: Uint8Array): boolean =>
    read.some((known) => known.length <= body.length && known.every((byte, i) => byte === body[i]));
  const subkeys = packets.filter(({ type }) => type === packetType.publicSubkey || type === packetType.secretSubkey);
  return subkeys.filter(({ body }) => !isRead(body)).map(kindOf);
}

/** By the numbers in the packet (RFC 9580 sections 5.5.2 and 9.1). */
function kindOf({ body }: WholePacket): string {
  const version = body[0] ?? 0;
  if (version !== 4 && version !== 6) return `version ${version}`;
  const algorithm = body[5] ?? 0;
  const name = algorithmNames[algorithm];
  return name === undefined ? `algorithm ${algorithm}` : `algorithm ${algorithm} (${name})`;
}

function keyPackets(binary: Uint8Array) {
  try {
    return [...splitPackets(binary)];
  } catch (cause) {
    throw unreadable('no OpenPGP key in it', 'check that the file is a key as "gpg --export" writes it', cause);
  }
}

function unreadable(what: string, hint?: string, cause?: unknown): DepotError {
  return new DepotError('key-unreadable', `key not readable: ${what}`, { hint, cause });
}

/** `passphrase` is asked for a locked key. Throws 'key-unreadable', 'secret-missing', 'passphrase-wrong'. */
export async function readSecretKey(
  bytes: Uint8Array | string,
  passphrase?: () => Promise<string | undefined>,
): Promise<SecretKey> {
  const certificate = internalsOf(await readCertificate(bytes));
  const { key } = certificate;
  const refuse = (what: string, hint?: string): DepotError =>
    new DepotError('key-unreadable', `key ${certificate.fingerprint} ${what}`, { hint });
  if (!key.isPrivate()) throw refuse('is a public key, where a private key was expected');
  const packets = secretPackets(key).filter((packet) => !isElsewhere(packet));
  if (packets.length === 0)
    throw refuse(
      'has its secret part elsewhere, such as on a smart card',
      'let gpg open it, which has that part: --gpg instead of --key',
    );
  const locked = packets.filter((packet) => !packet.isDecrypted());
  if (locked.length > 0) await unlock(certificate.fingerprint, locked, await passphrase?.());
  return certificate as SecretKey;
}

export function isLocked(certificate: Certificate): boolean {
  const { key } = internalsOf(certificate);
  return key.isPrivate() && secretPackets(key).some((packet) => !isElsewhere(packet) && !packet.isDecrypted());
}

/** Primary key and subkeys, in the file's order. */
export function secretPackets(key: openpgp.PrivateKey): SecretPacket[] {
  return [key.keyPacket as SecretPacket, ...key.subkeys.map((subkey) => subkey.keyPacket as SecretPacket)];
}

async function unlock(fingerprint: string, locked: SecretPacket[], passphrase: string | undefined): Promise<void> {
  if (passphrase === undefined)
    throw new DepotError('secret-missing', `key ${fingerprint} is locked and no passphrase was given`, {
      hint: 'give the passphrase in a file or at the prompt',
    });
  const failures: DepotError[] = [];
  for (const packet of locked) {
    try {
      await packet.decrypt(passphrase);
      await packet.validate();
    } catch (error) {
      failures.push(whyStillLocked(fingerprint, packet, error));
    }
  }
  // One unlocked part may be all that is needed. A part that no passphrase unlocks says more than a wrong one.
  if (failures.length === locked.length) throw failures.find(({ code }) => code !== 'passphrase-wrong') ?? failures[0]!;
}

export interface KeyRequest {
  /** A signer signs receipts, an arrangement key decrypts suitcases. */
  kind: 'signer' | 'arrangement';
  name: string;
  email: string;
  /** Locks the secret key; without it the key is written unlocked. */
  passphrase?: string;
  /** 'compat' is read by GnuPG 2.2 and Sequoia 1; 'modern' needs an RFC 9580 program. A signer is always compat. */
  profile: 'compat' | 'modern';
  /** No expiry when left out. */
  expiresInSeconds?: number;
}

export interface GeneratedKey {
  fingerprint: string;
  /** Both ASCII-armoured. */
  publicKey: string;
  secretKey: string;
}

/**
 * Compat is version 4 with the algorithms that GnuPG 2.2 reads (22 and 18). Modern is version 6 with Ed25519 and
 * X25519, and announces SEIPDv2 with AES-256 in GCM and OCB.
 */
export async function generateKey(o: KeyRequest): Promise<GeneratedKey> {
  const modern = o.profile === 'modern' && o.kind === 'arrangement';
  const config = modern
    ? {
        v6Keys: true,
        aeadProtect: true,
        preferredAEADAlgorithm: openpgp.enums.aead.gcm,
        s2kType: openpgp.enums.s2k.argon2 as const,
      }
    : { v6Keys: false, aeadProtect: false };
  const { privateKey } = await openpgp.generateKey({
    ...(modern ? { type: 'curve25519' } : { type: 'ecc', curve: 'curve25519Legacy' }),
    userIDs: [{ name: o.name, email: o.email }],
    // A signer without encryption subkey cannot be mistaken for a recipient.
    ...(o.kind === 'signer' ? { subkeys: [] } : {}),
    ...(o.expiresInSeconds === undefined ? {} : { keyExpirationTime: o.expiresInSeconds }),
    format: 'object',
    config,
  });
  if (!modern) await preferSha2(privateKey);
  const secret =
    o.passphrase === undefined
      ? privateKey
      : await openpgp.encryptKey({ privateKey, passphrase: o.passphrase, config });
  return {
    fingerprint: secret.getFingerprint().toUpperCase(),
    publicKey: secret.toPublic().armor(),
    secretKey: secret.armor(),
  };
}

/** OpenPGP.js lists SHA-3 among the preferred hashes, which makes GnuPG 2.2 warn at every import. */
async function preferSha2(key: openpgp.PrivateKey): Promise<void> {
  const { sha512, sha256 } = openpgp.enums.hash;
  const user = key.users[0]!;
  const certification = user.selfCertifications[0]! as unknown as Omit<openpgp.SignaturePacket, 'sign'> & {
    sign(
      key: openpgp.SecretKeyPacket,
      data: object,
      date: Date,
      detached: boolean,
      config: openpgp.Config,
    ): Promise<void>;
  };
  certification.preferredHashAlgorithms = [sha512, sha256];
  certification.rawNotations = [];
  await certification.sign(
    key.keyPacket as openpgp.SecretKeyPacket,
    { userID: user.userID, key: key.keyPacket },
    certification.created!,
    false,
    openpgp.config,
  );
}

/** The secret key, armoured and locked; a locked one must have this passphrase. Throws as `readSecretKey`. */
export async function lockSecretKey(bytes: Uint8Array | string, passphrase: string): Promise<string> {
  const { key } = internalsOfSecret(await readSecretKey(bytes, () => Promise.resolve(passphrase)));
  const modern = key.keyPacket.version === 6;
  const config = modern ? { aeadProtect: true, s2kType: openpgp.enums.s2k.argon2 as const } : { aeadProtect: false };
  return (await openpgp.encryptKey({ privateKey: key, passphrase, config })).armor();
}
