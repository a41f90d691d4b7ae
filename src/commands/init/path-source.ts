/** A directory or a file as a source: whether it is there, and how much is in it. */
import { access, constants, opendir, stat } from 'node:fs/promises';
import path from 'node:path';
import { obstacle } from '../../accounts.js';
import { readableLine } from '../../doctor/access.js';
import { codeOrSaid, printable } from '../../printable.js';
import { bytes, counted } from '../../ui/format.js';
import type { Context } from '../context.js';
import type { SourcesAsked } from './asked.js';
import { absolutePath } from './paths.js';
import { named, type PathAnswer, type SourceAnswer, sourceShown } from './source-answer.js';
import { back } from './talk.js';

/** Null when the person goes back. */
export async function askPath(taken: readonly SourceAnswer[], o: SourcesAsked): Promise<SourceAnswer | null> {
  const { talk, context } = o;
  let found: PathAnswer | undefined;
  const another = taken.some((one) => 'path' in one);
  await talk.text(`${another ? 'Another' : 'A'} directory or file to deposit${back}`, {
    path: true,
    optional: true,
    check: async (text) => {
      const looked = await lookAtSource(text, context);
      if ('wrong' in looked) return looked.wrong;
      const { value } = looked;
      if (taken.some((one) => 'path' in one && one.path === value.path)) return 'that one is already in the list';
      found = value;
      return undefined;
    },
  });
  if (found === undefined) return null;
  const source = await named(found, taken, talk);
  const { files, size, more } = await preview(source, context.signal);
  talk.say(`  ${sourceShown(source)}: ${more ? 'more than ' : ''}${counted(files, 'file')}, ${bytes(size)}`);
  if (o.account !== null && (await obstacle(o.account, source.path, 'read')) !== null)
    talk.say(
      `  Account ${o.account.name} cannot read it yet. One way to change that (package acl): «${await readableLine(o.account, source.path)}»`,
    );
  return source;
}

/** The path of a directory or file that is there and may be read, or what is wrong with it. */
export async function lookAtSource(
  given: string,
  context: Context,
): Promise<{ value: PathAnswer } | { wrong: string }> {
  const absolute = absolutePath(given, context);
  const shown = printable(absolute);
  const what = await stat(absolute).catch((error: unknown) => codeOrSaid(error));
  if (typeof what === 'string')
    return {
      wrong: what === 'ENOENT' || what === 'ENOTDIR' ? `${shown} does not exist` : `cannot read ${shown}: ${what}`,
    };
  if (!what.isDirectory() && !what.isFile()) return { wrong: `${shown} is neither a directory nor a file` };
  if (path.basename(absolute) === '') return { wrong: `${shown} has no name of its own` };
  const readable = await access(absolute, what.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK).then(
    () => true,
    () => false,
  );
  return readable
    ? { value: { path: absolute, kind: what.isDirectory() ? 'directory' : 'file' } }
    : { wrong: `this account cannot read ${shown}` };
}

const patienceMs = 3000;

/** How much there is; `more` when counting took too long, or something may not be looked at. */
export async function preview(
  source: PathAnswer,
  signal: AbortSignal,
): Promise<{ files: number; size: number; more: boolean }> {
  const seen = { files: 0, size: 0, more: false };
  if (source.kind === 'file') return { files: 1, size: (await stat(source.path)).size, more: false };
  const end = Date.now() + patienceMs;
  // Names are bytes: one in Latin-1, decoded as UTF-8, would be another name.
  const directories = [Buffer.from(source.path)];
  while (directories.length > 0) {
    const directory = directories.pop()!;
    try {
      for await (const entry of await opendir(directory, { encoding: 'buffer' as BufferEncoding })) {
        signal.throwIfAborted();
        if (Date.now() > end) return { ...seen, more: true };
        const file = Buffer.concat([directory, separator, entry.name as unknown as Buffer]);
        if (entry.isDirectory()) directories.push(file);
        if (!entry.isFile()) continue;
        seen.files += 1;
        const found = await stat(file).catch(() => null);
        if (found === null) seen.more = true;
        else seen.size += found.size;
      }
    } catch (error) {
      signal.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      seen.more = true;
    }
  }
  return seen;
}

const separator = Buffer.from(path.sep);
