import { DepotError } from '../errors.js';
import { Secret } from '../secret.js';
import { configuredCommand } from './command.js';
import { credential, environment } from './environment.js';
import { configuredFile, storedFile } from './file.js';
import { keychain } from './keychain.js';
import {
  type FoundSecret,
  secretName,
  type SecretKind,
  type SecretRequest,
  type SecretSource,
  type SourceDescription,
} from './request.js';
import { printable } from '../printable.js';
import { accountName } from './readers.js';

export type { Account, FoundSecret, Needed, SecretKind, SecretRequest, SourceDescription } from './request.js';

/** Asks whoever sits at the terminal. */
const terminal: SecretSource = {
  async find(request) {
    const answer = await request.prompt?.(question(request));
    return answer === undefined || answer === '' ? null : { value: new Secret(answer), from: 'prompt' };
  },
  describe(request) {
    return Promise.resolve([
      {
        source: 'prompt' as const,
        where: 'terminal',
        present: request.prompt !== undefined,
        readableBy: `${accountName()}, at a terminal only`,
      },
    ]);
  },
};

function question({ kind, account, key }: SecretRequest): string {
  const of =
    kind === 'password'
      ? account === undefined
        ? ''
        : ` of ${account.username}@${account.host}:${account.port}`
      : key === undefined
        ? ''
        : ` (${key})`;
  return `${secretName[kind]}${printable(of)}`;
}

/** First found wins. */
const order: readonly SecretSource[] = [
  environment,
  configuredFile,
  configuredCommand,
  storedFile,
  credential,
  keychain,
  terminal,
];

/** The first secret found; null when there is none. @throws DepotError 'secret-missing', 'secret-insecure', 'usage' */
export async function findSecret(request: SecretRequest): Promise<FoundSecret | null> {
  for (const source of order) {
    const found = await source.find(request);
    if (found !== null) return found;
  }
  const left = (await describeSources(request)).find(({ ambiguous }) => ambiguous === true);
  if (left === undefined) return null;
  throw new DepotError(
    'secret-missing',
    `${left.where} ${left.problem ?? ''}, so depot does not use it for any of them`,
    {
      hint: `store one for this account: ${loginLine(request.kind, request.arrangement)}`,
    },
  );
}

function loginLine(kind: SecretKind, arrangement = 'NAME'): string {
  return `«depot login ${arrangement}${kind === 'password' ? '' : ' --for private-key'} --to file»`;
}

/** Every place where `findSecret` would look, in that order, without looking at values; for `doctor`. */
export async function describeSources(request: SecretRequest): Promise<SourceDescription[]> {
  return (await Promise.all(order.map((source) => source.describe(request)))).flat();
}
