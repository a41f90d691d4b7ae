/** Directories of records that this account may not write to, because a run as another one (root, mostly) made them. */
import { access, constants, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isHomeOfAnother, nameOf, ownName } from '../accounts.js';
import { DepotError } from '../errors.js';
import { typedWord } from '../shell.js';

/** What keeps this account from its records in `directory` of `stateDirectory`, with the line that gives them back; null when nothing of this kind does. */
export async function leftBehind(stateDirectory: string, directory: string): Promise<DepotError | null> {
  const caller = process.geteuid?.();
  if (caller === undefined || caller === 0) return null;
  for (const one of [stateDirectory, directory, path.join(directory, 'pending')]) {
    const found = await stat(one).catch(() => null);
    if (found === null) return null;
    if (found.uid === caller || (await mayWrite(one))) continue;
    // What lies in a state directory is the state's; but only what looks like a state directory may be given away with all that is in it.
    if (one === stateDirectory && !(await looksLikeState(one, found.mode, caller))) return null;
    const name = ownName() ?? String(caller);
    return new DepotError(
      'local-not-writable',
      `${one} belongs to ${nameOf(found.uid) ?? `uid ${found.uid}`}, and account ${name} may not write there: a run as another account made it`,
      {
        hint: `if ${name} is the account that pushes, let root type: «chown -R ${ownName() === undefined ? caller : `${name}:`} ${typedWord(one)}»; if not, run it as the account that is`,
      },
    );
  }
  return null;
}

function mayWrite(directory: string): Promise<boolean> {
  return access(directory, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** As depot makes it (0700), or with depot's files in it, or nothing; and no place that the system or a person needs. */
async function looksLikeState(directory: string, mode: number, uid: number): Promise<boolean> {
  if (path.dirname(path.dirname(directory)) === path.dirname(directory) || isHomeOfAnother(directory, uid))
    return false;
  const names = await readdir(directory).catch(() => null);
  return names === null ? (mode & 0o777) === 0o700 : names.length === 0 || names.includes('ledger.id');
}
