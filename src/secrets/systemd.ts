import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { requireOneServer } from './environment.js';
import { readCredential } from './file.js';
import { type SecretRequest, secretSlug, type SecretSource, serverLabel } from './request.js';

/** What systemd put into `$CREDENTIALS_DIRECTORY` for this unit (`LoadCredential=`, `LoadCredentialEncrypted=`). */
export const credential: SecretSource = {
  async find(request) {
    for (const { name, path, general } of candidates(request)) {
      if (!(await exists(path))) continue;
      if (general) requireOneServer(request.kind, request.servers, `the credential ${name}`);
      return { value: await readCredential(path), from: `systemd credential ${name}` };
    }
    return null;
  },
  async describe(request) {
    return Promise.all(candidates(request).map(async ({ name, path }) => ({
      source: 'systemd' as const, where: `credential ${name}`, present: await exists(path), readableBy: 'this systemd unit',
    })));
  },
};

/** The name of the credential: `depot.password`, or `depot.password.<server>` where a run has several. */
export function credentialName(kind: SecretRequest['kind'], server?: { host: string; port: number }): string {
  return `depot.${secretSlug[kind]}${server === undefined ? '' : `.${serverLabel(server.host, server.port)}`}`;
}

function candidates({ kind, env, account }: SecretRequest): { name: string; path: string; general: boolean }[] {
  const directory = env.CREDENTIALS_DIRECTORY;
  if (directory === undefined || directory === '') return [];
  const named = account === undefined || kind === 'signingKeyPassphrase' ? [] : [{ name: credentialName(kind, account), general: false }];
  return [...named, { name: credentialName(kind), general: true }].map((c) => ({ ...c, path: join(directory, c.name) }));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isFile(), () => false);
}

