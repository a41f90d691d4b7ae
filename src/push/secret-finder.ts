import type { Secret } from '../secret.js';
import { logInfo } from '../log.js';
import { type Account, type SecretKind, secretName } from '../secrets/request.js';
import { findSecret } from '../secrets/lookup.js';
import type { Arrangement, Config } from '../config/types.js';
import type { Logins } from './logins.js';

/** Looks secrets up for one arrangement. */
export interface SecretFinder {
  /** Null when it is in none of its places; `note` is told of places that are closed to this account. */
  find(kind: SecretKind, note?: (message: string, hint?: string) => void): Promise<Secret | null>;
  /** Where the last one that was found came from, for people: `file /etc/depot/password`. */
  whence?(kind: SecretKind): string | undefined;
}

export interface SecretsContext {
  config: Config;
  arrangement: Arrangement;
  env: NodeJS.ProcessEnv;
  logins: Logins;
  prompt?: ((question: string) => Promise<string>) | undefined;
  signal?: AbortSignal;
}

/** For the supplier's side: password, passphrase of the SSH key, passphrase of the signing key. */
export function secretsFor(o: SecretsContext): SecretFinder {
  const { config, arrangement, env, logins, prompt, signal } = o;
  const places = new Map<SecretKind, string>();
  return {
    whence: (kind) => places.get(kind),
    async find(kind, note) {
      const found = await findSecret({
        kind,
        refs: kind === 'signingKeyPassphrase' ? config.supplier.passphrase : arrangement.remote[kind],
        env,
        configDirectory: config.directory,
        account: accountOf(arrangement),
        key: kind === 'signingKeyPassphrase' ? config.supplier.signingKey : arrangement.remote.privateKey,
        needed: logins.needed(kind, arrangement),
        arrangement: arrangement.name,
        prompt,
        signal,
        note,
      });
      if (found !== null) places.set(kind, found.from);
      logInfo(
        arrangement.name,
        `${secretName[kind]}: ${found === null ? 'in none of its places' : `from ${found.from}`}`,
      );
      return found?.value ?? null;
    },
  };
}

/** Undefined while nobody has said what the user name is. */
export function accountOf({ remote: { username, host, port } }: Arrangement): Account | undefined {
  return username === undefined ? undefined : { username, host, port };
}
