import * as openpgp from 'openpgp';
import type { KeyPacket, SecretPacket } from './certificate.js';
import { encodePacket, packetType } from './packets.js';

/** The parts of OpenPGP.js's PKESK class (RFC 9580 section 5.1) that its types leave out. */
export interface PkeskPacket {
  publicKeyAlgorithm: number;
  sessionKey: Uint8Array | null;
  sessionKeyAlgorithm: number | null;
  /** V: the ephemeral point of ECDH. */
  encrypted: { V?: Uint8Array };
  read(body: Uint8Array): void;
  write(): Uint8Array;
  encrypt(key: KeyPacket): Promise<void>;
  decrypt(key: SecretPacket): Promise<void>;
}

export const Pkesk = openpgp.PublicKeyEncryptedSessionKeyPacket as unknown as {
  new (): PkeskPacket;
  fromObject(o: {
    version: 3 | 6;
    encryptionKeyPacket: KeyPacket;
    anonymousRecipient: boolean;
    sessionKey: Uint8Array;
    sessionKeyAlgorithm: number;
  }): PkeskPacket;
};

/** The whole packet, for AES-256. Throws what OpenPGP.js throws. */
export async function wrapFor(key: KeyPacket, version: 3 | 6, sessionKey: Uint8Array): Promise<Uint8Array> {
  const packet = Pkesk.fromObject({
    version,
    encryptionKeyPacket: key,
    anonymousRecipient: false,
    sessionKey,
    sessionKeyAlgorithm: openpgp.enums.symmetric.aes256,
  });
  await packet.encrypt(key);
  return encodePacket(packetType.pkesk, packet.write());
}
