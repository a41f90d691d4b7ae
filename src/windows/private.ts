/** Files and directories that only this account, the system and administrators may use. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../child.js';
import { DepotError, isDepotError } from '../errors.js';
import { printable } from '../printable.js';
import { typedWord } from '../shell.js';
import { accessLists, type AccessLists, plain } from './access-lists.js';
import { systemProgram } from './programs.js';

/** By number: names differ with the language of Windows, and say less of accounts in a domain. */
const systemAndAdministrators = ['*S-1-5-18', '*S-1-5-32-544'];

/** What icacls is to grant, a word each; what is made in a directory inherits it. `self` is a SID, or a name where none is known. */
export function grants(self: string, kind: 'file' | 'directory'): string[] {
  const account = self.startsWith('S-1-') ? `*${self}` : self;
  const all = kind === 'directory' ? '(OI)(CI)F' : 'F';
  return [...new Set([account, ...systemAndAdministrators])].map((who) => `${who}:${all}`);
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
    await run([program, plain(file), '/inheritance:r', '/grant:r', ...granted, '/q'], {
      code: 'local-not-writable',
      env,
      timeoutMs: 60_000,
    });
  } catch (error) {
    if (!isDepotError(error, 'local-not-writable')) throw error;
    throw new DepotError(
      'local-not-writable',
      `other accounts could not be kept from ${printable(meant)}: ${error.message}`,
      {
        hint: `choose a place on a drive that keeps access lists (NTFS), and look at this one: «icacls ${typedWord(path.dirname(meant), 'win32')}»`,
        cause: error,
      },
    );
  }
}

/**
 * Writes `file` with contents that nobody else ever could open: it gets its access list while it is empty, in a directory that
 * others may not enter, and its name when it is whole and on the disk. `new`: never over a file that is there. Errors are the
 * system's own, or 'local-not-writable'.
 */
export async function writePrivately(
  file: string,
  bytes: Uint8Array | string,
  how: 'new' | 'replace',
  lists: AccessLists | null = accessLists(),
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const directory = path.join(path.dirname(file), `.${randomBytes(6).toString('hex')}.tmp`);
  await mkdir(directory, 0o700);
  try {
    await closeToOthers('directory', directory, lists, env, file);
    const temporary = path.join(directory, path.basename(file));
    const handle = await open(temporary, 'wx', 0o600);
    try {
      // Else it would inherit again where the directory that it goes to gets other rights.
      await closeToOthers('file', temporary, lists, env, file);
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Takes the name as nobody else can, for a rename replaces what it finds; hard links are not everywhere.
    if (how === 'new') await (await open(file, 'wx', 0o600)).close();
    await rename(temporary, file).catch(async (error: unknown) => {
      if (how === 'new') await rm(file, { force: true });
      throw error;
    });
  } finally {
    // It may be held open for a moment by whoever looks at new files; what is left is empty, or closed to others.
    await rm(directory, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
  }
}
