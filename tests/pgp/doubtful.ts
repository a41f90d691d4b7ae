/** Keys as no honest program makes them: a subkey with any numbers, or any date, properly bound by a good primary key. */
import * as openpgp from 'openpgp';
import type { Certificate } from '../../src/pgp/certificate.js';
import { readCertificate } from '../../src/pgp/keys.js';

const { publicKey } = openpgp.enums;

interface PacketInternals {
  algorithm: number;
  created: Date;
  publicParams: object;
  computeFingerprintAndKeyID(): Promise<void>;
}
interface SignatureInternals {
  keyFlags: Uint8Array;
  rawNotations: unknown[];
  sign(key: object, data: object, date: Date, detached: boolean, config: openpgp.Config): Promise<void>;
}

export interface Doubtful {
  algorithm?: number;
  params?: object;
  created?: Date;
  /** Of the binding signature; when the subkey was made, if left out. */
  boundAt?: Date;
}

export const made = new Date('2025-01-01T00:00:00Z');

/** The public key, as bytes. The subkey is for encryption. */
export async function withSubkey({
  algorithm,
  params,
  created = made,
  boundAt = created,
}: Doubtful): Promise<Uint8Array> {
  const { privateKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: 'doubtful' }],
    date: made,
    format: 'object',
    config: { aeadProtect: false },
  });
  const [subkey] = privateKey.subkeys;
  const packet = subkey.keyPacket as unknown as PacketInternals;
  if (algorithm !== undefined) packet.algorithm = algorithm;
  if (params !== undefined) packet.publicParams = params;
  packet.created = created;
  await packet.computeFingerprintAndKeyID();
  const binding = subkey.bindingSignatures[0] as unknown as SignatureInternals;
  binding.rawNotations = [];
  await binding.sign(
    privateKey.keyPacket,
    { key: privateKey.keyPacket, bind: subkey.keyPacket },
    boundAt,
    false,
    openpgp.config,
  );
  return privateKey.toPublic().write();
}

export async function doubtful(o: Doubtful): Promise<Certificate> {
  return readCertificate(await withSubkey(o));
}

/** Big-endian, as RSA's numbers are. */
export function bytesOf(n: bigint): Uint8Array {
  const hex = n.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}

export const rsa = (n: bigint, e: bigint): Doubtful => ({
  algorithm: publicKey.rsaEncryptSign,
  params: { n: bytesOf(n), e: bytesOf(e) },
});
export const x25519 = (point: Uint8Array): Doubtful => ({ algorithm: publicKey.x25519, params: { A: point } });
export const x448 = (point: Uint8Array): Doubtful => ({ algorithm: publicKey.x448, params: { A: point } });
