/** Why a secret key stays locked: a wrong passphrase, or an unsupported lock (RFC 9580 sections 3.7 and 5.5.3). */
import { DepotError } from '../errors.js';
import { said } from '../printable.js';
import type { SecretPacket } from './certificate.js';
import { cipherName } from './pkesk.js';

/** The parts of OpenPGP.js's class that its types leave out. */
interface Lock {
  /** 0 unlocked, 253 AEAD, 254 SHA-1, 255 a sum of 16 bits; less: the cipher itself, with MD5 and no salt. */
  s2kUsage: number;
  symmetric: number | null;
  aead: number | null;
  s2k: { type: string } | null;
  /** From the first byte on that OpenPGP.js does not read. */
  unparseableKeyMaterial?: Uint8Array;
}

const onCard = 'its secret part is on a smart card';
const modes: Record<number, string> = { 1: 'EAX', 2: 'OCB', 3: 'GCM' };
const s2kTypes: Record<number, string> = { 0: 'simple', 1: 'salted', 3: 'iterated', 4: 'Argon2', 101: "GnuPG's own" };

/** Whether the secret part is not in the file. OpenPGP.js says so of locks too that it does not read. */
export function isElsewhere(packet: SecretPacket): boolean {
  const { unparseableKeyMaterial } = packet as unknown as Lock;
  return unparseableKeyMaterial === undefined
    ? packet.isMissingSecretKeyMaterial()
    : lockName(unparseableKeyMaterial, packet.version) === onCard;
}

/** The error for a packet on which `decrypt` or `validate` threw this. */
export function whyStillLocked(fingerprint: string, packet: SecretPacket, cause: unknown): DepotError {
  const text = cause instanceof Error ? cause.message : '';
  const lock = packet as unknown as Lock;
  const unsupported = (why: string, hint: string): DepotError =>
    new DepotError(
      'key-unreadable',
      `key ${fingerprint} cannot be unlocked: ${why}; depot cannot tell whether the passphrase is right`,
      { hint, cause },
    );
  if (text.startsWith('Incorrect key passphrase') || isBadTag(cause, lock)) {
    // OpenPGP.js 5 had a form of its own for these, which looks the same.
    const or =
      lock.s2kUsage === 253 && packet.version === 4
        ? ', or the key is locked in the AEAD form of OpenPGP.js 5, which depot cannot read'
        : '';
    return new DepotError('passphrase-wrong', `the passphrase does not unlock key ${fingerprint}${or}`, {
      hint: 'give the passphrase of this key: in its file, its variable, or at the prompt',
      cause,
    });
  }
  if (text === 'Key is invalid')
    return new DepotError(
      'key-unreadable',
      `key ${fingerprint} was unlocked, but its secret part does not belong to its public part: it was changed or damaged`,
      { hint: 'restore the key from a backup, and do not use this file', cause },
    );
  const lockAgain =
    'lock it again with GnuPG: gpg --import FILE, gpg --change-passphrase FINGERPRINT, gpg --armor --output NEW --export-secret-keys FINGERPRINT';
  if (lock.unparseableKeyMaterial !== undefined) {
    const name = lockName(lock.unparseableKeyMaterial, packet.version);
    return unsupported(`it is locked with ${name}, which depot cannot read`, lockAgain);
  }
  if (text.includes('insecure two-byte hash'))
    return unsupported('its lock is from before 2002, with a checksum of 16 bits, which gives the key away', lockAgain);
  if (text.includes('insecure S2K function'))
    return unsupported('its lock is from the last century, MD5 without salt, which gives the key away', lockAgain);
  if (lock.s2k?.type === 'argon2' && /memory/i.test(text))
    return unsupported(
      `its lock (Argon2) needs more memory than is available (${said(cause)})`,
      'unlock it on a machine with more memory, or lock it again with less',
    );
  return unsupported(`OpenPGP.js says: ${said(cause)}`, lockAgain);
}

/** As OpenPGP.js, WebCrypto and its replacement say that the key is wrong. */
function isBadTag(cause: unknown, { s2kUsage }: Lock): boolean {
  if (s2kUsage !== 253 || !(cause instanceof Error)) return false;
  return (
    cause.name === 'OperationError' || /tag mismatch|invalid ghash tag|unable to authenticate/i.test(cause.message)
  );
}

/** It begins with usage, cipher, mode, S2K; version 6 has a length before the second and the last. */
function lockName(lock: Uint8Array, version: number): string {
  const usage = lock[0] ?? 0;
  const of = (names: Record<number, string>, what: string, id: number | undefined): string =>
    id === undefined ? `no ${what}` : (names[id] ?? `${what} ${id}`);
  if (usage < 253) return `${cipherName(usage)} and MD5`;
  const gap = version === 6 ? 1 : 0;
  const s2k = lock.subarray((usage === 253 ? 3 : 2) + 2 * gap);
  // 0x65, a hash, "GNU", 1 for no secret part and 2 for one on a card.
  if (s2k[0] === 101 && String.fromCharCode(...s2k.subarray(2, 5)) === 'GNU' && s2k[5] === 2) return onCard;
  return [
    cipherName(lock[1 + gap]),
    ...(usage === 253 ? [of(modes, 'AEAD mode', lock[2 + gap])] : []),
    `S2K ${of(s2kTypes, 'type', s2k[0])}`,
  ].join(', ');
}
