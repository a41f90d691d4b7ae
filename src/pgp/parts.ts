/** The parts of a key as people meet them: in a message that says which of them a suitcase is for. */
import { algorithmOf, internalsOf, type Certificate } from './certificate.js';
import { subkeyRevocation } from './revocation.js';
import { subkeyStanding } from './validity.js';

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
  uses: ('encryption' | 'signing' | 'authentication' | 'certification')[];
  revoked: boolean;
}

const uses = [
  [0x0c, 'encryption'],
  [0x02, 'signing'],
  [0x20, 'authentication'],
  [0x01, 'certification'],
] as const;

/** The subkeys of a key, in the order of the file, as they stand at `at`. */
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
      uses: uses.flatMap(([bits, use]) => ((flags & bits) === 0 ? [] : [use])),
      revoked: (await subkeyRevocation(internals, subkey)) !== null,
    });
  }
  return found;
}
