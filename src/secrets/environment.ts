/** What a run is given by whoever starts it: variables of its environment, and credentials of its systemd unit. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { DepotError } from '../errors.js';
import { Secret } from '../secret.js';
import { readCredential, readSecretFile } from './file.js';
import { accountName } from './readers.js';
import {
  type Account,
  accountLabel,
  ambiguity,
  type SecretKind,
  type SecretRequest,
  secretSlug,
  type SecretSource,
  serverLabel,
} from './request.js';

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
        ...(needed.run > 1 && env[name] ? { problem: `not used: this run needs ${counted(kind, needed.run)}` } : {}),
        readableBy: `this run only (${accountName()})`,
      })),
    );
  },
};

/** One value cannot be the password of several accounts, and no server may be shown that of another account. */
function requireOne(kind: SecretKind, needed: number, name: string): void {
  if (needed <= 1) return;
  throw new DepotError(
    'usage',
    `${name} is one secret, but this run ${kind === 'password' ? 'logs in to' : 'uses'} ${counted(kind, needed)}`,
    {
      hint: 'store one for each: «depot login NAME»; or push the arrangements of one account at a time',
    },
  );
}

function counted(kind: SecretKind, needed: number): string {
  return `${needed} ${kind === 'password' ? 'accounts' : 'SSH keys'}`;
}

/** What systemd put into `$CREDENTIALS_DIRECTORY` for this unit (`LoadCredential=`, `LoadCredentialEncrypted=`). */
export const credential: SecretSource = {
  async find(request) {
    for (const { name, path, of } of candidates(request)) {
      if ((of === 'server' && ambiguity(request) !== null) || !(await exists(path))) continue;
      if (of === 'run') requireOne(request.kind, request.needed.run, `the credential ${name}`);
      return { value: await readCredential(path), from: `systemd credential ${name}` };
    }
    return null;
  },
  async describe(request) {
    return Promise.all(
      candidates(request).map(async ({ name, path, of }) => {
        const [present, why] = [await exists(path), of === 'server' ? ambiguity(request) : null];
        return {
          source: 'systemd' as const,
          where: `credential ${name}`,
          present,
          readableBy: 'this systemd unit',
          ...(present && why !== null ? { problem: why, ambiguous: true as const } : {}),
        };
      }),
    );
  },
};

/** The name of the credential: `depot.password`, or `depot.password.<user>@<server>` where there are several accounts. */
export function credentialName(kind: SecretRequest['kind'], account?: Account): string {
  return `depot.${secretSlug[kind]}${account === undefined ? '' : `.${accountLabel(account)}`}`;
}

/** As an earlier depot named it where a run has several servers. */
export function serverCredentialName(
  kind: SecretRequest['kind'],
  { host, port }: { host: string; port: number },
): string {
  return `${credentialName(kind)}.${serverLabel(host, port)}`;
}

function candidates({
  kind,
  env,
  account,
}: SecretRequest): { name: string; path: string; of: 'account' | 'server' | 'run' }[] {
  const directory = env.CREDENTIALS_DIRECTORY;
  if (directory === undefined || directory === '') return [];
  const named =
    account === undefined || kind === 'signingKeyPassphrase'
      ? []
      : [
          { name: credentialName(kind, account), of: 'account' as const },
          { name: serverCredentialName(kind, account), of: 'server' as const },
        ];
  return [...named, { name: credentialName(kind), of: 'run' as const }].map((c) => ({
    ...c,
    path: join(directory, c.name),
  }));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
