import { hkdfSha256 } from '../primitives.js';
import { internalsOfSecret, type SecretKey, type SecretPacket } from './certificate.js';
import { judgeSigner } from './policy.js';

/**
 * 32 bytes that only who holds the signer's secret key can make: HKDF with SHA-256 over its secret numbers, with
 * `salt` and `info`. The same whatever passphrase the key has. @throws DepotError as `judgeSigner`
 */
export async function keyDerivedFrom(
  signer: SecretKey,
  salt: Uint8Array,
  info: string,
  at: Date,
): Promise<Uint8Array<ArrayBuffer>> {
  const { signingFingerprint } = await judgeSigner(signer, at);
  const { key } = internalsOfSecret(signer);
  const part = [key, ...key.subkeys].find((one) => one.getFingerprint().toUpperCase() === signingFingerprint)!;
  const secret = secretNumbers(part.keyPacket as SecretPacket);
  try {
    return hkdfSha256(secret, salt, new TextEncoder().encode(info), 32);
  } finally {
    secret.fill(0);
  }
}

/** All secret numbers of a key, in the order of their names. */
function secretNumbers({ privateParams }: SecretPacket): Uint8Array {
  const named = Object.entries((privateParams ?? {}) as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
  const numbers = named.flatMap(([, value]) => (value instanceof Uint8Array ? [value] : []));
  const all = new Uint8Array(numbers.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const number of numbers) {
    all.set(number, at);
    at += number.length;
  }
  return all;
}
