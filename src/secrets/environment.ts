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
  async find({ kind, env, needed }) {
    const name = variables[kind];
    const [value, file] = [env[name], env[`${name}_FILE`]];
    const set = value ? name : file ? `${name}_FILE` : undefined;
    if (set === undefined) return null;
    requireOne(kind, needed.run, set);
    if (value) return { value: new Secret(value), from: `environment ${name}` };
    return { value: await readSecretFile(file ?? '', `${name}_FILE`), from: `environment ${name}_FILE` };
  },

  describe({ kind, env, needed }) {
    const names = [variables[kind], `${variables[kind]}_FILE`];
    return Promise.resolve(
      names.map((name) => ({
        source: 'environment' as const,
        where: name,
        present: Boolean(env[name]),
        ...(needed.run > 1 && env[name] ? { problem: `refused, since ${counted(kind, needed.run)} are involved` } : {}),
        readableBy: `this run only (${accountName()})`,
      })),
    );
  },
};

/** One value cannot be the password of several accounts, and no server may be shown that of another account. */
export function requireOne(kind: SecretKind, needed: number, name: string): void {
  if (needed <= 1) return;
  throw new DepotError(
    'usage',
    `${name} is one secret, but this run ${kind === 'password' ? 'logs in to' : 'uses'} ${counted(kind, needed)}`,
    {
      hint: 'store one for each with: «depot login NAME»; or push the arrangements of one account at a time',
    },
  );
}

function counted(kind: SecretKind, needed: number): string {
  return `${needed} ${kind === 'password' ? 'accounts' : 'SSH keys'}`;
}
