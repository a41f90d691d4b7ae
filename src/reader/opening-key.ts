import { isDepotError } from '../errors.js';
import { unwrapWithGpg } from '../pgp/gpg.js';
import type { SecretKey } from '../pgp/certificate.js';
import { judgeRecipient } from '../pgp/policy.js';
import { unwrapSessionKey } from '../pgp/sessionkey.js';
import { readPrivateKey } from './named-files.js';
import type { OpeningKey } from './key-proof.js';

/** Where the private key is: a file, or the installed gpg. */
export interface KeyPlace {
  /** Path of the private key. */
  key?: string | undefined;
  /** The environment for gpg; not together with `key`. */
  gpg?: NodeJS.ProcessEnv | undefined;
  passphrase: () => Promise<string | undefined>;
  signal: AbortSignal;
}

/** The key to open with, and itself where it came from a file; null when none was given. Throws as `readPrivateKey` */
export async function openingKeyOf(o: KeyPlace): Promise<(OpeningKey & { secret: SecretKey | null }) | null> {
  const { key, gpg, signal } = o;
  // Compat only: gpg reads no modern session key packets.
  if (gpg !== undefined) return { unwrap: (pkesk) => unwrapWithGpg(pkesk, { env: gpg, signal }), secret: null };
  if (key === undefined) return null;
  const secret = await readPrivateKey(key, o.passphrase);
  return { unwrap: (pkesk) => unwrapSessionKey(pkesk, secret), secret };
}

/** Only the owner can extend a key, and the supplier's pushes stop on the day: three months are time enough. */
const soonMs = 90 * 24 * 3600 * 1000;

/** What the owner should do about a key before the next deposits, or null; those that there are it opens anyway. */
export async function adviceOnKey(secret: SecretKey, now: Date): Promise<string | null> {
  const then =
    'existing deposits for it still open; for new ones, extend it or make another, and send the supplier the public key';
  try {
    const { expiresAt } = await judgeRecipient(secret, secret.fingerprint, now);
    return expiresAt === null || Date.parse(expiresAt) - now.getTime() > soonMs
      ? null
      : `your key ${secret.fingerprint} expires on ${expiresAt}: ${then}`;
  } catch (error) {
    if (!isDepotError(error, 'recipient-unusable')) throw error;
    return `no new deposit can be made for your ${error.message}: ${then}`;
  }
}
