/** The access list of what only this account, the system and administrators may use. */
import path from 'node:path';
import { run } from '../child.js';
import { DepotError, isDepotError } from '../errors.js';
import { printable } from '../printable.js';
import { typedWord } from '../shell.js';
import { accessLists, type AccessLists, plain } from './access-lists.js';
import { systemProgram } from './programs.js';

/** By number: names differ with the language of Windows, and say less of accounts in a domain. */
const systemAndAdministrators = ['S-1-5-18', 'S-1-5-32-544'];

/** What icacls is to grant, a word each; what is made in a directory inherits it. `self` is a SID, or a name where none is known. */
export function grants(self: string, kind: 'file' | 'directory'): string[] {
  const all = kind === 'directory' ? '(OI)(CI)F' : 'F';
  return [...new Set([self, ...systemAndAdministrators])].map(
    (who) => `${who.startsWith('S-1-') ? '*' : ''}${who}:${all}`,
  );
}

/** The same list for a directory, as Windows writes it. `self`: a SID. */
export function listFor(self: string): string {
  return `D:P${[...new Set([self, ...systemAndAdministrators])].map((who) => `(A;OICI;FA;;;${who})`).join('')}`;
}

/** Nothing inherited, and every right for this account, the system and administrators. @throws DepotError 'local-not-writable' */
export async function closeToOthers(
  kind: 'file' | 'directory',
  file: string,
  lists: AccessLists | null = accessLists(),
  env: NodeJS.ProcessEnv = process.env,
  /** What a failure is about, if it is something that is not there yet. */
  meant = file,
): Promise<void> {
  if (lists === null) return;
  const program = systemProgram('icacls', env);
  const granted = grants(await lists.self(), kind);
  try {
    // Of a link, its own list: never of what another account leads to.
    await run([program, plain(file), '/inheritance:r', '/grant:r', ...granted, '/l', '/q'], {
      code: 'local-not-writable',
      env,
      timeoutMs: 60_000,
    });
  } catch (error) {
    if (!isDepotError(error, 'local-not-writable')) throw error;
    throw new DepotError(
      'local-not-writable',
      `depot could not close ${printable(meant)} to other accounts: ${error.message}`,
      {
        hint: `choose a place on a drive with access lists (NTFS), or see who may use this one: «icacls ${typedWord(path.dirname(meant), 'win32')}»`,
        cause: error,
      },
    );
  }
}
