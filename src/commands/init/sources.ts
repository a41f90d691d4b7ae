import { access, constants, opendir, stat } from 'node:fs/promises';
import path from 'node:path';
import { surroundings } from '../../config/locate.js';
import { codeOrSaid, printable } from '../../printable.js';
import type { Context } from '../context.js';
import type { SourceAnswer } from './draft.js';

/** The path of a directory or file that is there and may be read, or what is wrong with it. `~/` is this account's home. */
export async function lookAtSource(
  given: string,
  context: Context,
): Promise<{ value: SourceAnswer } | { wrong: string }> {
  const { home } = surroundings(context.env, context.cwd);
  const absolute =
    given.startsWith('~/') && home !== undefined ? path.join(home, given.slice(2)) : path.resolve(context.cwd, given);
  const shown = printable(absolute);
  const what = await stat(absolute).catch((error: unknown) => codeOrSaid(error));
  if (typeof what === 'string')
    return {
      wrong:
        what === 'ENOENT' || what === 'ENOTDIR' ? `${shown} does not exist` : `${shown} cannot be looked at: ${what}`,
    };
  if (!what.isDirectory() && !what.isFile()) return { wrong: `${shown} is neither a directory nor a file` };
  if (path.basename(absolute) === '') return { wrong: `${shown} has no name of its own` };
  const readable = await access(absolute, what.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK).then(
    () => true,
    () => false,
  );
  return readable
    ? { value: { path: absolute, kind: what.isDirectory() ? 'directory' : 'file' } }
    : { wrong: `${shown} may not be read by this account` };
}

const patienceMs = 3000;

/** How much there is; `more` when counting took too long, or something may not be looked at. */
export async function preview(
  source: SourceAnswer,
  signal: AbortSignal,
): Promise<{ files: number; size: number; more: boolean }> {
  const seen = { files: 0, size: 0, more: false };
  if (source.kind === 'file') return { files: 1, size: (await stat(source.path)).size, more: false };
  const end = Date.now() + patienceMs;
  const directories = [source.path];
  while (directories.length > 0) {
    const directory = directories.pop()!;
    try {
      for await (const entry of await opendir(directory)) {
        signal.throwIfAborted();
        if (Date.now() > end) return { ...seen, more: true };
        const file = path.join(directory, entry.name);
        if (entry.isDirectory()) directories.push(file);
        if (!entry.isFile()) continue;
        seen.files += 1;
        seen.size += (await stat(file)).size;
      }
    } catch (error) {
      signal.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      seen.more = true;
    }
  }
  return seen;
}
