/** Makes directories and files that no other account ever could open, not even between being made and getting a list of their own. */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { succeeds } from '../abort.js';
import { run } from '../child.js';
import { DepotError } from '../errors.js';
import { codeOrSaid, printable } from '../printable.js';
import { accessLists, type AccessLists, plain } from './access-lists.js';
import { requireOwnPlaceByList, safePlace } from './checks.js';
import { strangerWithin } from './judge.js';
import { closeToOthers, listFor } from './private.js';
import { powershell } from './programs.js';

export interface Closing {
  lists?: AccessLists | null;
  env?: NodeJS.ProcessEnv;
  /** What a failure is about, if it is something that is not there yet. */
  meant?: string;
  /** Takes it that a drive keeps no access lists, say; otherwise that is thrown, and nothing is left. */
  unkept?: (error: unknown) => void;
}

/** Makes one directory (0700), whose parent must be there. Errors are the system's own, or 'local-not-writable'. */
export async function makeClosedDirectory(directory: string, o: Closing = {}): Promise<void> {
  const { lists = accessLists(), env = process.env, meant = directory } = o;
  if (lists === null) {
    await mkdir(directory, 0o700);
    return;
  }
  const parent = path.dirname(path.resolve(directory));
  await stat(parent);
  if (await succeeds(lstat(directory))) throw isThere(directory);
  const seen = (await lists.of([parent]))?.get(parent);
  if (seen !== undefined && ('unknown' in seen || isOpenWithin(strangerWithin(seen, await lists.self()))))
    return makeByList(directory, await lists.self(), env, meant);
  await mkdir(directory, 0o700);
  try {
    await closeToOthers('directory', directory, lists, env, meant);
  } catch (error) {
    if (o.unkept === undefined) {
      await rmdir(directory).catch(() => undefined);
      throw error;
    }
    o.unkept(error);
  }
}

/** A drive that keeps no lists cannot give the directory one when it is made either. */
function isOpenWithin(met: ReturnType<typeof strangerWithin>): boolean {
  return met !== null && met.by !== 'none';
}

/**
 * Where others could use what is new, by rights that they inherit: Windows makes it with its list. Whoever could open it for a
 * moment before would keep it open, and could put a junction in its place later. Its name is nobody's until it is moved, since
 * this call takes a directory that is there for its own.
 */
const script =
  "$ErrorActionPreference='Stop';$s=New-Object Security.AccessControl.DirectorySecurity;$s.SetSecurityDescriptorSddlForm($env:DEPOT_LIST);[void][IO.Directory]::CreateDirectory($env:DEPOT_PATH,$s);'#made'";

async function makeByList(directory: string, self: string, env: NodeJS.ProcessEnv, meant: string): Promise<void> {
  const temporary = path.join(path.dirname(path.resolve(directory)), temporaryName());
  const asked = powershell(script, env);
  try {
    await run(asked.argv, {
      code: 'local-not-writable',
      env: asked.env,
      setEnv: { DEPOT_PATH: plain(temporary), DEPOT_LIST: listFor(self) },
      timeoutMs: 60_000,
    });
    await stat(temporary);
  } catch (error) {
    throw new DepotError(
      'local-not-writable',
      `what is made in ${printable(path.dirname(meant))} is open to other accounts, and depot could not close ${printable(meant)} to them: ${error instanceof DepotError ? error.message : codeOrSaid(error)}`,
      { hint: safePlace, cause: error },
    );
  }
  await rename(temporary, directory).catch(async (error: unknown) => {
    await rmdir(temporary).catch(() => undefined);
    throw (await succeeds(lstat(directory))) ? isThere(directory) : error;
  });
}

function isThere(directory: string): Error {
  return Object.assign(new Error(`EEXIST: file already exists, mkdir '${directory}'`), { code: 'EEXIST' });
}

function temporaryName(): string {
  return `.${randomBytes(6).toString('hex')}.tmp`;
}

/**
 * Writes `file` with contents that nobody else ever could open: it gets its access list while it is empty, in a directory that
 * others may not enter, and its name when it is whole and on the disk. `new`: never over a file that is there. Errors are the
 * system's own, or 'local-not-writable', also where others could exchange what is on the way to it.
 */
export async function writePrivately(
  file: string,
  bytes: Uint8Array | string,
  how: 'new' | 'replace',
  lists: AccessLists | null = accessLists(),
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  await requireOwnPlaceByList(file, 'directory', lists);
  const directory = path.join(path.dirname(file), temporaryName());
  await makeClosedDirectory(directory, { lists, env, meant: file });
  try {
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
