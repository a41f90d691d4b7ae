import { constants, type Stats } from 'node:fs';
import { access, type FileHandle, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { succeeds } from '../abort.js';
import { DepotError, isDepotError } from '../errors.js';
import { exposureOf, planted, secretMode, requirePrivate } from '../permissions.js';
import { openPlain } from '../plain-file.js';
import { codeOrSaid, printable } from '../printable.js';
import { Secret } from '../secret.js';
import { lookLine } from '../shell.js';
import { textOf } from '../text-file.js';
import { accountName, fileReaders, wayIn } from './readers.js';
import {
  accountLabel,
  ambiguity,
  type SecretRequest,
  secretSlug,
  type SecretSource,
  serverLabel,
  type SourceDescription,
} from './request.js';

/** `passwordFile:` and its kin; must be there when the config names it. */
export const configuredFile: SecretSource = {
  async find({ refs }) {
    if (refs.file === undefined) return null;
    return { value: await readSecretFile(refs.file, 'the configuration'), from: `file ${printable(refs.file)}` };
  },
  async describe({ refs }) {
    return refs.file === undefined ? [] : [await describeFile(refs.file, 'config')];
  },
};

/** What `depot login --to file` stored beside the config. */
export const storedFile: SecretSource = {
  async find(request) {
    for (const { path, named } of storedPlaces(request)) {
      if (!named && ambiguity(request) !== null) continue;
      try {
        if ((await look(path)) !== null)
          return { value: await read(path, 'depot login', { stored: true }), from: `file ${printable(path)}` };
      } catch (error) {
        // A directory that only another account may enter: its secrets are for that account's runs.
        if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
        request.note?.(`${accountName()} has no access to ${printable(path)}`, wayIn(path));
      }
    }
    return null;
  },
  async describe(request) {
    const why = ambiguity(request);
    return Promise.all(
      storedPlaces(request).map(async ({ path, named }) => {
        const found = await describeFile(path, 'file');
        return named || why === null || found.present === false
          ? found
          : { ...found, problem: why, ambiguous: true as const };
      }),
    );
  },
};

/** A file in `secrets/`; `named` when its name says whose secret it is. */
export interface StoredPlace {
  path: string;
  named: boolean;
}

/** Where `depot login --to file` puts it, and where an earlier depot did: under the server's name alone. */
export function storedPlaces(request: Pick<SecretRequest, 'kind' | 'account' | 'configDirectory'>): StoredPlace[] {
  const { kind, account, configDirectory } = request;
  const slug = secretSlug[kind];
  const place = (name: string, named: boolean): StoredPlace => ({
    path: join(configDirectory, 'secrets', name),
    named,
  });
  if (kind === 'signingKeyPassphrase') return [place(slug, true)];
  if (account === undefined) return [];
  return [
    place(`${accountLabel(account)}.${slug}`, true),
    place(`${serverLabel(account.host, account.port)}.${slug}`, false),
  ];
}

async function look(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR')
      return null;
    throw error;
  }
}

/** The secret in a file, or from a pipe: `<(vault read …)`. `whenGone`: the hint where there is none. @throws DepotError 'secret-insecure', 'secret-missing' */
export async function readSecretFile(path: string, namedBy: string, whenGone?: string): Promise<Secret> {
  return read(path, namedBy, { whenGone });
}

/** A file whose mode systemd has seen to: an access list shows there as a mode that looks loose. */
export async function readCredential(path: string): Promise<Secret> {
  return read(path, 'systemd', { bySystemd: true });
}

async function read(
  path: string,
  namedBy: string,
  {
    stored = false,
    bySystemd = false,
    whenGone = `write the secret to it (${secretMode}), or run: «depot login»`,
  }: { stored?: boolean; bySystemd?: boolean; whenGone?: string | undefined } = {},
): Promise<Secret> {
  const shown = printable(path);
  let handle: FileHandle;
  try {
    handle = await openPlain(path);
  } catch (error) {
    if (isDepotError(error))
      throw new DepotError('secret-missing', `${error.message} (named by ${namedBy})`, {
        hint: error.hint ?? 'name a file',
        cause: error,
      });
    const code = codeOrSaid(error);
    const why =
      code === 'ENOENT' || code === 'ENOTDIR'
        ? 'does not exist'
        : code === 'EACCES'
          ? `may not be read by ${accountName()}`
          : `cannot be read: ${code}`;
    throw new DepotError('secret-missing', `${shown} (named by ${namedBy}) ${why}`, {
      hint: code === 'EACCES' ? wayIn(path) : whenGone,
      cause: error,
    });
  }
  try {
    const found = await handle.stat();
    if (found.isDirectory())
      throw new DepotError('secret-missing', `${shown} (named by ${namedBy}) is a directory`, { hint: 'name a file' });
    if (!bySystemd) await requirePrivate(path, found);
    if (stored) await requireStored(path, found);
    const bytes = Buffer.alloc(longestSecret + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return secretFrom(bytes.subarray(0, length), shown);
  } finally {
    await handle.close();
  }
}

/** @throws DepotError 'secret-insecure' where the account that has `secrets/` could have put in a link to somebody else's file */
export async function requireStored(path: string, found: Stats): Promise<void> {
  const wrong = await planted(dirname(path), found);
  if (wrong !== null)
    throw new DepotError('secret-insecure', `${printable(path)} ${wrong}`, {
      hint: `see what it is: «${lookLine(path)}»; to write it anew: «depot login»`,
    });
}

/** Longer than any password; a file of this size is not one. */
export const longestSecret = 64 * 1024;

/** What a file or command gave, less one newline at its end. Wipes the bytes. @throws DepotError 'secret-missing' */
export function secretFrom(bytes: Buffer, where: string): Secret {
  try {
    if (bytes.length > longestSecret)
      throw new DepotError('secret-missing', `${where} is too long for a secret (over ${longestSecret / 1024} KiB)`);
    const text = textOf(bytes)?.replace(/\r?\n$/, '');
    if (text === undefined)
      throw new DepotError('secret-missing', `${where} is not UTF-8 text`, { hint: 'store it as UTF-8 text' });
    if (text === '')
      throw new DepotError('secret-missing', `${where} is empty`, { hint: 'put the secret there, on one line' });
    if (text.includes('\0'))
      throw new DepotError('secret-missing', `${where} is not text: it contains a NUL`, {
        hint: 'store it as UTF-8 text',
      });
    return new Secret(text);
  } finally {
    bytes.fill(0);
  }
}

async function describeFile(path: string, source: 'config' | 'file'): Promise<SourceDescription> {
  const where = printable(path);
  try {
    const found = await look(path);
    if (found === null) {
      return {
        source,
        where,
        present: false,
        ...(source === 'config' ? { problem: 'does not exist' } : {}),
        readableBy: fileReaders(process.geteuid?.()),
      };
    }
    // A mode that is right for its owner says nothing about this account: root's 0600 is closed to a service.
    const readable = await succeeds(access(path, constants.R_OK));
    const plantedThere = source === 'file' ? await planted(dirname(path), found) : null;
    const problem =
      (await exposureOf(path, found))?.what ??
      plantedThere ??
      (readable ? undefined : `may not be read by ${accountName()}`);
    const group = found.uid === 0 && (found.mode & 0o040) !== 0 && found.gid !== 0 ? found.gid : undefined;
    return {
      source,
      where,
      present: true,
      ...(problem === undefined ? {} : { problem }),
      readableBy: fileReaders(process.geteuid === undefined ? undefined : found.uid, group),
    };
  } catch (error) {
    const code = codeOrSaid(error);
    const denied = code === 'EACCES' || code === 'EPERM';
    return {
      source,
      where,
      present: 'unknown',
      problem: denied ? `is not accessible to ${accountName()} (${code})` : `is not accessible: ${code}`,
      readableBy: denied ? 'another account' : 'nobody at present',
    };
  }
}
