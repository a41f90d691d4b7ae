import { unwrapWithGpg, type GpgOptions } from '../pgp/gpg.js';
import type { SecretKey } from '../pgp/keys.js';
import { unwrapSessionKey } from '../pgp/sessionkey.js';
import { readPrivateKey } from './given.js';
import type { OpeningKey } from './key-proof.js';

export function keyInMemory(secret: SecretKey): OpeningKey {
  return { unwrap: (pkesk) => unwrapSessionKey(pkesk, secret) };
}

/** Compat only: gpg reads no modern session key packets. */
export function keyInGpg(o: GpgOptions): OpeningKey {
  return { unwrap: (pkesk) => unwrapWithGpg(pkesk, o) };
}

/** Where the private key is: a file, or the installed gpg. */
export interface KeyPlace {
  /** Path of the private key. */
  key?: string;
  /** The environment for gpg; not together with `key`. */
  gpg?: NodeJS.ProcessEnv;
  passphrase: () => Promise<string | undefined>;
  signal: AbortSignal;
}

/** The key to open with, and the secret key itself where it came from a file; null when none was given. @throws as `readPrivateKey` */
export async function openingKeyOf({ key, gpg, passphrase, signal }: KeyPlace): Promise<(OpeningKey & { secret: SecretKey | null }) | null> {
  if (gpg !== undefined) return { ...keyInGpg({ env: gpg, signal }), secret: null };
  if (key === undefined) return null;
  const secret = await readPrivateKey(key, passphrase);
  return { ...keyInMemory(secret), secret };
}
