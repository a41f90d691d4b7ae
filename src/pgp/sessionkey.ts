/** Session keys: which encryption a suitcase gets, and PKESK packets (RFC 9580 section 5.1). */
import { DepotError } from '../errors.js';
import { sameBytes } from '../primitives.js';
import { said } from '../printable.js';
import type { Aes } from './cfb.js';
import { internalsOf, internalsOfSecret, type KeyPacket, type SecretKey, type SecretPacket } from './certificate.js';
import { secretPackets } from './keys.js';
import { isElsewhere } from './locked.js';
import { concat, malformed } from './packets.js';
import { aesOf, describePkesk, otherCipher, pkeskBodies, toHex } from './pkesk.js';
import type { Recipient } from './policy.js';
import { Pkesk, wrapFor, type PkeskPacket } from './wrap.js';

/** Compat, or modern. Chunks are 2^(chunkOctet + 6) bytes. */
export type Encryption =
  | { packet: 'SEIPDv1'; cipher: 'AES-256-CFB'; aead: null }
  | { packet: 'SEIPDv2'; cipher: 'AES-256'; aead: 'GCM' | 'OCB'; chunkOctet: number };

/** 1 MiB. GCM is 1.4 times as fast as with 64 KiB, OCB 1.2 times; 4 MiB gains no more. A reader holds one chunk. */
const defaultChunkOctet = 14;

/**
 * Modern when every recipient announces SEIPDv2 with AES-256 in one common mode, GCM before OCB. Throws
 * 'recipient-unusable' when `modern` is forced on a key that does not.
 */
export function chooseEncryption(wanted: 'auto' | 'modern' | 'compat', recipients: Recipient[]): Encryption {
  const compat = { packet: 'SEIPDv1', cipher: 'AES-256-CFB', aead: null } as const;
  if (wanted === 'compat') return compat;
  const silent = recipients.find((r) => !r.announcesSeipd2);
  const aead = (['GCM', 'OCB'] as const).find((mode) => recipients.every((r) => r.aeads.includes(mode)));
  if (recipients.length > 0 && silent === undefined && aead !== undefined)
    return { packet: 'SEIPDv2', cipher: 'AES-256', aead, chunkOctet: defaultChunkOctet };
  if (wanted === 'auto') return compat;
  const what =
    silent === undefined
      ? 'the keys have no mode in common, of GCM and OCB with AES-256'
      : `key ${silent.fingerprint} does not announce SEIPDv2`;
  throw new DepotError('recipient-unusable', `${what}, so "encryption: modern" cannot be used`, {
    hint: 'use "encryption: auto", or a key that announces it',
  });
}

/** The PKESK packets for all recipients: version 3 for SEIPDv1, version 6 for SEIPDv2. `sessionKey` has 32 bytes. */
export async function wrapSessionKey(sessionKey: Uint8Array, e: Encryption, r: Recipient[]): Promise<Uint8Array> {
  const packets: Uint8Array[] = [];
  for (const recipient of r) {
    packets.push(
      await wrapFor(keyPacketOf(recipient), e.packet === 'SEIPDv1' ? 3 : 6, sessionKey).catch((cause: unknown) => {
        throw new DepotError(
          'recipient-unusable',
          `key ${recipient.fingerprint}: depot cannot encrypt to it; OpenPGP.js says: ${said(cause)}`,
          { hint: "ask the key's owner for another key", cause },
        );
      }),
    );
  }
  return concat(...packets);
}

function keyPacketOf(recipient: Recipient): KeyPacket {
  const { key } = internalsOf(recipient.certificate);
  const found = [key.keyPacket, ...key.subkeys.map((subkey) => subkey.keyPacket)].find(
    (packet) => packet.getFingerprint().toUpperCase() === recipient.subkeyFingerprint,
  );
  if (found === undefined)
    throw new DepotError('internal', `key ${recipient.fingerprint} has no part ${recipient.subkeyFingerprint}`);
  return found;
}

export interface UnwrappedSessionKey {
  sessionKey: Uint8Array;
  /** null for version 6, which does not carry it: the SEIPD packet does. */
  cipher: Aes | null;
  /** Of the key or subkey that unwrapped it. */
  keyFingerprint: string;
}

/**
 * Unwraps the session key with any part of `key` that can, expired and revoked ones too. Throws 'not-addressed' when no
 * packet is for a part at hand, 'verification-failed' when one was changed or is not for AES.
 */
export async function unwrapSessionKey(pkesk: Uint8Array, key: SecretKey): Promise<UnwrappedSessionKey> {
  const parts = decryptingParts(key);
  const packets = pkeskBodies(pkesk).map((body) => ({ body, recipient: describePkesk(body).recipient }));
  let failure: DepotError | undefined;
  for (const named of [true, false]) {
    for (const { body, recipient } of packets) {
      for (const part of parts) {
        if (recipient !== '' && named !== isNamed(recipient, part)) continue;
        if (recipient === '' && named) continue;
        const result = await tryUnwrap(body, part);
        if (result instanceof Foreign) {
          // Whose key it is for is not said, or somebody else is named: then it is simply not for this one.
          if (named) failure = result.error;
          continue;
        }
        // The key did open the packet: what is in it is not for depot.
        if (result instanceof DepotError) {
          failure = result;
          continue;
        }
        if (!named && recipient !== '')
          throw malformed(
            `a session key packet names another key than ${toHex(part.getFingerprintBytes()!)}, which opens it`,
          );
        return { ...result, keyFingerprint: part.getFingerprint().toUpperCase() };
      }
    }
  }
  if (failure !== undefined) throw failure;
  const absent = packets.flatMap(({ recipient }) => absentParts(key).filter((part) => isNamed(recipient, part)))[0];
  if (absent !== undefined) throw withoutSecret(absent);
  const named = packets.flatMap(({ recipient }) => (recipient === '' ? [] : [recipient]));
  const hint =
    named.length === 0
      ? 'try another key: the message does not say which keys open it'
      : `find the key it was encrypted for, and give its file with --key: ${search(named.slice(0, 8))}${named.length < packets.length ? '; it is also for a key that it does not name' : ''}`;
  throw new DepotError('not-addressed', `key ${key.fingerprint} does not open this message`, { hint });
}

/** To type: GnuPG finds keys by the ids of their parts, but knows none of version 6 (64 digits). */
function search(parts: readonly string[]): string {
  const keyring = parts.filter((part) => part.length < 64);
  return [
    ...(keyring.length === 0 ? [] : [`gpg --list-secret-keys ${keyring.join(' ')}`]),
    `depot key show FILE --json | grep -E '${parts.map((part) => part.slice(-16)).join('|')}'`,
  ].join(', or for a file: ');
}

const decryptAlgorithms = new Set(['rsaEncryptSign', 'rsaEncrypt', 'elgamal', 'ecdh', 'x25519', 'x448']);

function decryptingParts(key: SecretKey): SecretPacket[] {
  const parts = secretPackets(internalsOfSecret(key).key);
  return parts.filter((part) => decryptAlgorithms.has(part.getAlgorithmInfo().algorithm) && isAtHand(part));
}

function absentParts(key: SecretKey): SecretPacket[] {
  return secretPackets(internalsOfSecret(key).key).filter((part) => !isAtHand(part));
}

function isAtHand(part: SecretPacket): boolean {
  return !isElsewhere(part) && part.isDecrypted();
}

/** The message is for this key, but not for a part that is usable from this file. */
function withoutSecret(part: SecretPacket): DepotError {
  const name = part.getFingerprint().toUpperCase();
  return isElsewhere(part)
    ? new DepotError(
        'not-addressed',
        `the message is for subkey ${name}, whose secret part is not in this file: it is on a smart card, or was left out of the export`,
        { hint: 'let gpg open it, if it has the key: --gpg instead of --key' },
      )
    : new DepotError(
        'not-addressed',
        `the message is for subkey ${name}, which stayed locked: its passphrase differs from that of the rest of the key, or depot cannot read its lock`,
        { hint: 'give all parts one passphrase: gpg --change-passphrase FINGERPRINT, then export the key again' },
      );
}

function isNamed(recipient: string, part: SecretPacket): boolean {
  const name = recipient.length === 16 ? part.getKeyID().toHex() : part.getFingerprint();
  return name.toUpperCase() === recipient;
}

/** The highest bit of a Curve25519 point, which X25519 ignores (RFC 7748 section 5) and algorithm 18 does not cover. */
function hasSpareBit(packet: PkeskPacket, part: SecretPacket): boolean {
  return part.getAlgorithmInfo().curve === 'curve25519Legacy' && (packet.encrypted.V?.at(-1) ?? 0) >= 0x80;
}

/** A packet that the part did not open: `error` says why, which counts only where the packet names this part. */
class Foreign {
  constructor(readonly error: DepotError) {}
}

async function tryUnwrap(
  body: Uint8Array,
  part: SecretPacket,
): Promise<Omit<UnwrappedSessionKey, 'keyFingerprint'> | DepotError | Foreign> {
  const packet = new Pkesk();
  try {
    packet.read(body);
  } catch (error) {
    return new Foreign(notOpened('cannot be read', error));
  }
  try {
    // Decryption would not notice these changes: a wrong bit count, or bytes after the last field.
    if (!sameBytes(packet.write(), body) || hasSpareBit(packet, part))
      return new Foreign(malformed('a session key packet is not in the standard form'));
    await packet.decrypt(part);
  } catch (error) {
    const text = error instanceof Error ? error.message : '';
    // The key has opened it by then, and its checksum was right.
    if (/^(?:Unsupported cipher|Invalid enum value)/.test(text)) return otherCipher(packet.sessionKeyAlgorithm);
    return new Foreign(
      wrongKey.test(text)
        ? malformed('the session key packet for this key was changed')
        : notOpened('was not opened', error),
    );
  }
  if (packet.sessionKey === null) return malformed('a session key packet without a session key');
  if (body[0] === 6) return { sessionKey: packet.sessionKey, cipher: null };
  const cipher = aesOf[packet.sessionKeyAlgorithm ?? 0];
  return cipher === undefined ? otherCipher(packet.sessionKeyAlgorithm) : { sessionKey: packet.sessionKey, cipher };
}

/** As OpenPGP.js says that padding, checksum or AES key wrap are not what was made for this key. */
const wrongKey =
  /^(?:Decryption error|Key Data Integrity failed|integrity check failed|Invalid padding|Unexpected session key size|Error during decryption)/;

function notOpened(what: string, error: unknown): DepotError {
  return new DepotError(
    'verification-failed',
    `the session key packet for this key ${what}; OpenPGP.js says: ${said(error)}`,
    {
      hint: 'try it with another program: gpg -d -o NEW-FILE FILE; use what that wrote only when it ends with exit code 0',
      cause: error,
    },
  );
}
