import { DepotError } from '../errors.js';
import { Secret } from '../secret.js';
import { readSecretFile } from './file.js';
import { accountName } from './readers.js';
import { type SecretKind, type SecretSource } from './request.js';

const variables: Record<SecretKind, string> = {
  password: 'DEPOT_PASSWORD',
  privateKeyPassphrase: 'DEPOT_PRIVATE_KEY_PASSPHRASE',
  signingKeyPassphrase: 'DEPOT_SIGNING_KEY_PASSPHRASE',
};

/** `DEPOT_PASSWORD`, `DEPOT_PASSWORD_FILE` and their kin; an empty one counts as not set. */
export const environment: SecretSource = {
  async find({ kind, env, servers }) {
    const name = variables[kind];
    const [value, file] = [env[name], env[`${name}_FILE`]];
    const set = value ? name : file ? `${name}_FILE` : undefined;
    if (set === undefined) return null;
    requireOneServer(kind, servers, set);
    if (value) return { value: new Secret(value), from: `environment ${name}` };
    return { value: await readSecretFile(file ?? '', `${name}_FILE`), from: `environment ${name}_FILE` };
  },

  describe({ kind, env, servers }) {
    const names = [variables[kind], `${variables[kind]}_FILE`];
    const several = kind !== 'signingKeyPassphrase' && servers > 1;
    return Promise.resolve(names.map((name) => ({
      source: 'environment' as const,
      where: name,
      present: Boolean(env[name]),
      ...(several && env[name] ? { problem: `refused, since ${servers} servers are involved` } : {}),
      readableBy: `this run only (${accountName()})`,
    })));
  },
};

/** One value cannot be the password of several servers, and one server must not be shown that of another. */
export function requireOneServer(kind: SecretKind, servers: number, name: string): void {
  if (kind === 'signingKeyPassphrase' || servers <= 1) return;
  throw new DepotError('usage', `${name} is one secret, but this run logs in to ${servers} servers`, {
    hint: 'store one for each server with: depot login NAME; or push the arrangements of one server at a time',
  });
}
