import { constants } from 'node:fs';
import { access, type FileHandle, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname } from 'node:path';

import { accountOfUid, isHomeOfAnother, obstacle } from '../accounts.js';
import { DepotError } from '../errors.js';
import { requireTrusted } from '../permissions.js';
import { codeOrSaid, printable } from '../printable.js';
import { lookLine, shellWord } from '../shell.js';
import { pathsOf, type Surroundings, systemConfigDirectory, userConfigDirectory, variable } from './state.js';

/** A thousand arrangements fill a twentieth of this. */
const largestFile = 16 * 2 ** 20;

/** The surroundings of this process. */
export function surroundings(env: NodeJS.ProcessEnv, cwd: string): Surroundings {
  return { env, cwd, platform: process.platform, home: homeOf(env) };
}

/** `$HOME`, or what the system knows about the account: scheduled runs may have no HOME, and odd accounts nothing at all. */
export function homeOf(env: NodeJS.ProcessEnv): string | undefined {
  const own = variable(env, process.platform === 'win32' ? 'USERPROFILE' : 'HOME');
  if (own !== undefined) return own;
  try {
    const known = homedir();
    return known === '' ? undefined : known;
  } catch {
    return undefined;
  }
}

/** Where a config may be, in order; a `demanded` one must be there. */
export function configCandidates(
  s: Surroundings,
  flag: string | undefined,
): { path: string; demanded: boolean; from: string }[] {
  const paths = pathsOf(s.platform);
  if (flag !== undefined) return [{ path: paths.resolve(s.cwd, flag), demanded: true, from: '--config' }];
  const named = variable(s.env, 'DEPOT_CONFIG');
  if (named !== undefined) return [{ path: paths.resolve(s.cwd, named), demanded: true, from: '$DEPOT_CONFIG' }];
  const own = userConfigDirectory(s);
  const directories = [s.cwd, ...(own === undefined ? [] : [own]), systemConfigDirectory(s)];
  return directories.map((d) => ({ path: paths.join(d, 'depot.yaml'), demanded: false, from: 'search' }));
}

/**
 * The first config there is, opened, checked and read. Throws `config-not-found` (with the places looked at),
 * `config-unreadable`, or `config-insecure`: one that others could have written stops the search.
 */
export async function findConfig(s: Surroundings, flag: string | undefined): Promise<{ path: string; bytes: Buffer }> {
  const looked: string[] = [];
  for (const candidate of configCandidates(s, flag)) {
    // A service account is often started in a directory that it may not enter: root's home.
    if (!candidate.demanded && (await keptOut(candidate.path))) {
      looked.push(`${printable(candidate.path)} (which this account cannot access)`);
      continue;
    }
    const bytes = await readTrusted(candidate.path);
    if (bytes !== undefined) return { path: candidate.path, bytes };
    if (candidate.demanded) {
      throw new DepotError('config-not-found', `${printable(candidate.path)} (from ${candidate.from}) does not exist`, {
        hint: 'check the path, or create a configuration with: «depot init»',
      });
    }
    looked.push(printable(candidate.path));
  }
  throw new DepotError('config-not-found', `no depot.yaml: looked for ${looked.join(', ')}`, {
    hint: 'create one with: «depot init»; or name one with --config',
  });
}

/**
 * Reads a file that depot acts upon, after checking who could have written it. Undefined when it does not exist.
 * The check is made on the open file: what was checked is what is read.
 */
export async function readTrusted(path: string): Promise<Buffer | undefined> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK, opening a fifo waits for a writer.
    handle = await open(path, constants.O_RDONLY | (process.platform === 'win32' ? 0 : constants.O_NONBLOCK));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw code === 'EACCES' ? await closed(path, error) : unreadable(path, codeOrSaid(error), error);
  }
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw unreadable(path, found.isDirectory() ? 'it is a directory' : 'it is not a regular file');
    await requireTrusted(path, found);
    if (found.size > largestFile) throw unreadable(path, `it is larger than ${largestFile / 2 ** 20} MiB`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** Whether this account may not enter the directory, or one above it. */
async function keptOut(path: string): Promise<boolean> {
  return access(dirname(path), constants.X_OK).then(
    () => false,
    (error: unknown) => (error as NodeJS.ErrnoException).code === 'EACCES',
  );
}

/** Nothing in it is secret: who may read it decides nothing, so the line that opens it is the answer. */
async function closed(path: string, cause: unknown): Promise<DepotError> {
  const caller = process.geteuid?.();
  const account = caller === undefined ? undefined : await accountOfUid(caller);
  const met = account && (await obstacle(account, path, 'read'));
  const refused = (what: string, hint: string): DepotError =>
    new DepotError(
      'config-unreadable',
      `${printable(path)} cannot be read: account ${account?.name ?? ''} cannot ${what}`,
      { hint, cause },
    );
  if (account === undefined || !met) return refused('read it', 'run it as an account that can read it');
  const [word, shown] = [shellWord(met.path), printable(met.path)];
  const toType = (line: string): string => `have its owner or root run: «${printable(line)}»`;
  if (!met.onTheWay) return refused('read it', toType(`chmod a+r ${word}`));
  return refused(
    `enter ${shown}`,
    isHomeOfAnother(met.path, account.uid)
      ? `move the configuration out of ${shown}, which is a home directory; it belongs in /etc/depot`
      : toType(`chgrp ${account.group} ${word} && chmod g+rx ${word}`),
  );
}

function unreadable(path: string, why: string, cause?: unknown): DepotError {
  return new DepotError('config-unreadable', `${printable(path)} cannot be read: ${why}`, {
    hint: `see what it is: «${lookLine(path)}»`,
    cause,
  });
}
