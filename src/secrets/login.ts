import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { succeeds } from '../abort.js';
import { DepotError, isDepotError } from '../errors.js';
import { readBoundedFile } from '../plain-file.js';
import { codeOrSaid, printable } from '../printable.js';
import type { Secret } from '../secret.js';
import { lookLine } from '../shell.js';
import { looseTextOf } from '../text-file.js';
import { credentialName } from './environment.js';
import { requireStored, type StoredPlace, storedPlaces } from './file.js';
import { keychainFault, openKeychains } from './keychain.js';
import { describeSources } from './lookup.js';
import { writePrivateFile } from './private-file.js';
import { fileReaders, keychainReaders } from './readers.js';
import {
  type Keychain,
  keychainAccount,
  type Needed,
  secretName,
  type SecretRequest,
  serverLabel,
  type SourceDescription,
} from './request.js';

export type StoreIn = 'keychain' | 'file' | 'systemd';

/** Where a secret was put, or how the administrator puts it there. */
export interface Stored {
  to: StoreIn;
  /** For people: a path, a keychain account, the name of a credential. */
  where: string;
  /** `user@host:port`, or what else the secret is for. */
  account: string;
  /** Which account, and which kind of run, can read it. */
  readableBy: string;
  /** systemd only: what to run and what to put into the unit, a line each. */
  lines: string[];
  /** Sources that come before it, and what could not be tidied up. */
  warnings: string[];
}

type Target = Pick<SecretRequest, 'kind' | 'account' | 'key' | 'configDirectory' | 'env' | 'keychains'> & {
  /** What the config says, to tell when that wins over what is stored. */
  refs?: SecretRequest['refs'];
  /** In the whole configuration: with several, the name of a systemd credential says which account it is of. */
  needed?: Needed;
  /** For root: the account that pushes, to which a `secrets/` that is made here then belongs. */
  owner?: { uid: number; gid: number } | undefined;
};

/** Stores a secret and reads it back; a failure leaves nothing. @throws DepotError 'local-not-writable' */
export async function storeSecret(to: StoreIn, secret: Secret, target: Target): Promise<Stored> {
  const account = keychainAccount(target);
  if (account === null) throw new DepotError('internal', `a ${secretName[target.kind]} without an account`);
  const warnings: string[] = [];
  const stored = async (at: Pick<Stored, 'where' | 'readableBy'> & { lines?: string[] }): Promise<Stored> => {
    warnings.push(...(await shadowing(to, target)));
    return { to, account, lines: [], warnings, ...at };
  };
  switch (to) {
    case 'keychain':
      await storeInKeychain(account, secret, target, warnings);
      return stored({ where: inKeychain(account), readableBy: keychainReaders() });
    case 'file': {
      const [{ path }, ...older] = storedPlaces(target) as [StoredPlace, ...StoredPlace[]];
      const owner = await writePrivateFile(path, `${secret.reveal()}\n`, target.owner);
      // One without a user name would be found again as soon as this is gone; where it may be of another account, it is not ours.
      for (const other of older) {
        if ((target.needed?.server ?? 1) <= 1) await rm(other.path, { force: true });
        else if (await succeeds(access(other.path)))
          warnings.push(
            `${printable(other.path)} has no user name in its name and is no longer used: remove it once every account has its own`,
          );
      }
      await clear(keychainsOf(target), account, () => undefined);
      return stored({ where: path, readableBy: fileReaders(owner) });
    }
    case 'systemd':
      return stored(systemdLines(target));
  }
}

/** What `logout` did. */
export interface Forgotten {
  removed: string[];
  /** Places that depot does not own, where the secret still is. */
  remaining: SourceDescription[];
  warnings: string[];
}

/** Removes what depot has stored: from both keychains and from `secrets/`. */
export async function forgetSecret(target: Target): Promise<Forgotten> {
  const removed: string[] = [];
  const warnings: string[] = [];
  const account = keychainAccount(target);
  if (account !== null) {
    const cleared = await clear(keychainsOf(target), account, (fault) => warnings.push(fault));
    if (cleared) removed.push(inKeychain(account));
  }
  for (const { path } of storedPlaces(target)) {
    try {
      await rm(path);
      removed.push(path);
    } catch (error) {
      const code = codeOrSaid(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') warnings.push(`${printable(path)} could not be removed: ${code}`);
    }
  }
  const left = await describeSources(asRequest(target));
  return {
    removed,
    warnings,
    remaining: left.filter((s) => s.present === true && s.source !== 'prompt' && s.source !== 'keychain'),
  };
}

/** Keeps the user name that came with a password, for a config that does not say it. Not a secret, but private all the same. */
export async function storeUsername(
  configDirectory: string,
  server: { host: string; port: number },
  username: string,
  owner?: { uid: number; gid: number },
): Promise<string> {
  const path = usernamePath(configDirectory, server);
  await writePrivateFile(path, `${username}\n`, owner);
  return path;
}

const longestUsername = 1024;

/** The user name that `depot login` was given; null when there is none, or this account may not read it. @throws DepotError 'secret-missing' when it cannot be read for another reason */
export async function findUsername(
  configDirectory: string,
  server: { host: string; port: number },
): Promise<string | null> {
  const path = usernamePath(configDirectory, server);
  let bytes: Buffer;
  try {
    bytes = await readBoundedFile(path, (found) => requireStored(path, found), longestUsername);
  } catch (error) {
    if (isDepotError(error)) throw error;
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw new DepotError(
      'secret-missing',
      `the user name for ${printable(server.host)} in ${printable(path)} cannot be read: ${codeOrSaid(error)}`,
      { hint: `see what it is: «${lookLine(path)}»`, cause: error },
    );
  }
  const name = looseTextOf(bytes).replace(/\r?\n$/, '');
  if (printable(name) !== name)
    throw new DepotError(
      'secret-missing',
      `${printable(path)} holds no user name: it has more than one line, or control characters`,
      {
        hint: `see what it is: «${lookLine(path)}»; to write it anew: «depot login»`,
      },
    );
  return name === '' ? null : name;
}

/** What `logout` removes along with the last secret of a server. */
export async function forgetUsername(configDirectory: string, server: { host: string; port: number }): Promise<void> {
  await rm(usernamePath(configDirectory, server), { force: true });
}

function usernamePath(configDirectory: string, server: { host: string; port: number }): string {
  return join(configDirectory, 'secrets', `${serverLabel(server.host, server.port)}.username`);
}

async function storeInKeychain(account: string, secret: Secret, target: Target, warnings: string[]): Promise<void> {
  const [first, ...others] = keychainsOf(target);
  const hint = 'store it for scheduled runs with: «depot login --to file»';
  if (first === undefined) throw new DepotError('local-not-writable', 'there is no keychain in this session', { hint });
  try {
    await first.set(account, secret);
    const back = await first.get(account);
    if (back?.reveal() !== secret.reveal()) throw new Error('secrets stored in it are lost when the session ends');
  } catch (error) {
    // A write that failed may still have left the secret somewhere.
    await first.delete(account).catch(() => false);
    throw new DepotError('local-not-writable', `the keychain does not work in this session: ${keychainFault(error)}`, {
      hint,
      cause: error,
    });
  }
  await clear(others, account, (fault) => warnings.push(fault));
}

function inKeychain(account: string): string {
  return `keychain, service depot, account ${printable(account)}`;
}

function keychainsOf(target: Target): readonly Keychain[] {
  return target.keychains ?? openKeychains(target.env);
}

async function clear(keychains: readonly Keychain[], account: string, warn: (fault: string) => void): Promise<boolean> {
  let cleared = false;
  for (const keychain of keychains) {
    try {
      // Some modules report a failure when there is nothing to delete.
      if ((await keychain.get(account)) !== null) cleared = (await keychain.delete(account)) || cleared;
    } catch (error) {
      warn(`the keychain (${keychain.name}) could not be cleared: ${keychainFault(error)}`);
    }
  }
  return cleared;
}

/** Sources that will be found before the one just stored. */
async function shadowing(to: StoreIn, target: Target): Promise<string[]> {
  const sources = await describeSources(asRequest(target));
  const own = sources.findIndex((s) => s.source === to);
  const before =
    own === -1
      ? sources.filter((s) => s.source === 'environment' || s.source === 'config' || s.source === 'file')
      : sources.slice(0, own);
  return before
    .filter((s) => s.present !== false && s.source !== to && s.ambiguous !== true)
    .map((s) => `${s.where} comes first and will be used instead`);
}

function asRequest(target: Target): SecretRequest {
  return { ...target, needed: target.needed ?? { run: 1, server: 1 }, refs: target.refs ?? {} };
}

function systemdLines(target: Target): Pick<Stored, 'where' | 'lines' | 'readableBy'> {
  const account = (target.needed?.run ?? 1) > 1 && target.kind !== 'signingKeyPassphrase' ? target.account : undefined;
  const name = credentialName(target.kind, account);
  const file = `/etc/credstore.encrypted/${name}`;
  return {
    where: `systemd credential ${name}`,
    readableBy: 'the systemd unit that loads it, and root',
    lines: [
      'install -d -m 700 /etc/credstore.encrypted',
      `systemd-ask-password -n "${secretName[target.kind]}" | systemd-creds encrypt --name=${name} - ${file}`,
      '[Service]',
      `LoadCredentialEncrypted=${name}:${file}`,
    ],
  };
}
