import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { requireOne } from './environment.js';
import { readCredential } from './file.js';
import {
  type Account,
  accountLabel,
  ambiguity,
  type SecretRequest,
  secretSlug,
  type SecretSource,
  serverLabel,
} from './request.js';

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
