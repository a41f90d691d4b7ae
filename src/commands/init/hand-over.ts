/** What root left for itself, an earlier run or another command, and the account that pushes must read. */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type Account, obstacle } from '../../accounts.js';
import type { Config } from '../../config/types.js';
import { accessFor } from '../../doctor/access.js';
import { isDepotError } from '../../errors.js';
import { ownCommand } from '../../installation.js';
import { handOver, requireOwnPlace } from '../../permissions.js';
import { printable } from '../../printable.js';
import type { Talk } from './talk.js';

/**
 * Gives the account `secrets/` and the keys beside depot.yaml, which depot itself made there, and says so in a line each.
 * What lies elsewhere may be of use to others: for that there are lines to type.
 */
export async function giveAccess(config: Config, account: Account, talk: Talk): Promise<void> {
  for (const done of [...(await giveSecrets(config, account)), ...(await giveKeys(config, account))]) talk.say(done);
  const { lines, warnings } = await accessFor(account.name, account, {
    config,
    arrangements: [...config.arrangements.values()],
    program: ownCommand(),
    stateMadeBySystemd: false,
  });
  for (const warning of warnings) talk.say(`! ${warning}`);
  if (lines.length > 0)
    talk.say(
      `Type this in another terminal, for account ${account.name}:\n${lines.map((line) => `  «${line}»`).join('\n')}`,
    );
}

async function giveSecrets({ directory }: Config, account: Account): Promise<string[]> {
  const secrets = path.join(directory, 'secrets');
  if (!(await isOnlyRoots(secrets))) return [];
  const given: string[] = [];
  // The directory last: as soon as it is the account's, files in it may be what the account put there.
  for (const name of await readdir(secrets))
    given.push(...(await give('file', path.join(secrets, name), 0o600, account)));
  given.push(...(await give('directory', secrets, 0o700, account)));
  return given.map((file) => `${printable(file)} now belongs to account ${account.name}`);
}

async function giveKeys({ directory, supplier, arrangements }: Config, account: Account): Promise<string[]> {
  const keys = path.join(directory, 'keys');
  if (!(await isOnlyRoots(keys))) return [];
  const named = [supplier.signingKey, ...[...arrangements.values()].map(({ remote }) => remote.privateKey)];
  const given: string[] = [];
  for (const file of new Set(named)) {
    if (file === undefined || path.dirname(file) !== keys) continue;
    if ((await obstacle(account, file, 'read'))?.onTheWay === false)
      given.push(...(await give('file', file, 0o640, { uid: 0, gid: account.gid })));
  }
  return given.map((file) => `account ${account.name} can now read ${printable(file)}`);
}

/** Nothing where it is a link, or another name of some other file: then `accessFor` has the line to type. */
async function give(
  kind: 'file' | 'directory',
  at: string,
  mode: number,
  owner: { uid: number; gid: number },
): Promise<string[]> {
  return handOver(kind, at, mode, owner).then(
    () => [at],
    () => [],
  );
}

/** A directory in which, and on the way to which, nobody else can put anything. */
async function isOnlyRoots(directory: string): Promise<boolean> {
  const there = await lstat(directory).catch(() => null);
  if (there?.isDirectory() !== true) return false;
  return requireOwnPlace(path.join(directory, 'x'), 0).then(
    () => true,
    (error: unknown) => {
      if (!isDepotError(error)) throw error;
      return false;
    },
  );
}
