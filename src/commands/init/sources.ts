/** What is deposited: each kind of source is a choice of one menu, asked for and tried at once. */
import { access, constants, opendir, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Account, obstacle } from '../../accounts.js';
import { codeOrSaid, printable } from '../../printable.js';
import { typedWord } from '../../shell.js';
import { bytes, counted } from '../../ui/format.js';
import type { Context } from '../context.js';
import { absolutePath } from './paths.js';
import type { Talk } from './talk.js';

export interface SourceAnswer {
  path: string;
  kind: 'directory' | 'file';
}

export interface SourcesAsked {
  talk: Talk;
  context: Context;
  /** The account that pushes, where it is another than this one. */
  account: Account | null;
}

/** A choice of the menu: asks for a source of its kind and tries it; null when the person gives up. `taken` are those there already. */
interface Choice {
  value: string;
  label: string;
  ask(taken: readonly SourceAnswer[], o: SourcesAsked): Promise<SourceAnswer | null>;
}

const choices: readonly Choice[] = [{ value: 'path', label: 'a directory or a file', ask: askPath }];

export function isSourceAnswer(value: unknown): boolean {
  const { path: at, kind } = (value ?? {}) as Partial<Record<keyof SourceAnswer, unknown>>;
  return typeof at === 'string' && (kind === 'directory' || kind === 'file');
}

export function sourceShown(source: SourceAnswer): string {
  return printable(source.path);
}

/** As an entry of `dataset:` in depot.yaml. */
export function sourceYaml(source: SourceAnswer): string {
  return `{ ${source.kind}: ${JSON.stringify(source.path)} }`;
}

/** The name that it gets in the dataset. */
function nameOf(source: SourceAnswer): string {
  return path.basename(source.path);
}

/** Adds and removes until the person is done; at least one is left. */
export async function pickSources(before: readonly SourceAnswer[], o: SourcesAsked): Promise<SourceAnswer[]> {
  const sources = [...before];
  for (;;) {
    const what = sources.length === 0 ? await firstKind(o.talk) : await nextStep(sources, o.talk);
    if (what === 'done') return sources;
    if (what === 'remove') {
      await removeOne(sources, o.talk);
      continue;
    }
    const added = await choices.find(({ value }) => value === what)?.ask(sources, o);
    if (added != null) sources.push(added);
  }
}

async function firstKind(talk: Talk): Promise<string> {
  const [only, ...others] = choices;
  return others.length === 0 ? only!.value : talk.choose('What do you want to deposit?', [...choices]);
}

function nextStep(sources: readonly SourceAnswer[], talk: Talk): Promise<string> {
  talk.say(`To be deposited:\n${sources.map((source) => `  ${sourceShown(source)}`).join('\n')}`);
  return talk.choose('Anything else?', [
    { value: 'done', label: 'no, that is all' },
    ...choices.map(({ value, label }) => ({ value, label: `yes: ${label}` })),
    { value: 'remove', label: sources.length === 1 ? 'remove it, and name another' : 'remove one of them' },
  ]);
}

async function removeOne(sources: SourceAnswer[], talk: Talk): Promise<void> {
  const which =
    sources.length === 1
      ? '0'
      : await talk.choose('Remove which?', [
          ...sources.map((source, i) => ({ value: String(i), label: sourceShown(source) })),
          { value: 'none', label: 'none of them' },
        ]);
  if (which !== 'none') sources.splice(Number(which), 1);
}

async function askPath(taken: readonly SourceAnswer[], o: SourcesAsked): Promise<SourceAnswer> {
  const { talk, context } = o;
  let found: SourceAnswer | undefined;
  await talk.text(taken.length === 0 ? 'A directory or file to deposit' : 'Another directory or file to deposit', {
    path: true,
    check: async (text) => {
      const looked = await lookAtSource(text, context);
      if ('wrong' in looked) return looked.wrong;
      const { value } = looked;
      if (taken.some((one) => one.path === value.path)) return 'that one is in the list already';
      if (taken.some((one) => nameOf(one) === nameOf(value)))
        return `${nameOf(value)} is the name of another one too; add it to depot.yaml later, with a name of its own (as:)`;
      found = value;
      return undefined;
    },
  });
  const source = found!;
  const { files, size, more } = await preview(source, context.signal);
  talk.say(`  ${sourceShown(source)}: ${more ? 'more than ' : ''}${counted(files, 'file')}, ${bytes(size)}`);
  if (o.account !== null && (await obstacle(o.account, source.path, 'read')) !== null)
    talk.say(
      `  Account ${o.account.name} may not read it yet. One way to change that: «setfacl -R -m u:${o.account.name}:rX ${typedWord(source.path)}»`,
    );
  return source;
}

/** The path of a directory or file that is there and may be read, or what is wrong with it. */
export async function lookAtSource(
  given: string,
  context: Context,
): Promise<{ value: SourceAnswer } | { wrong: string }> {
  const absolute = absolutePath(given, context);
  const shown = printable(absolute);
  const what = await stat(absolute).catch((error: unknown) => codeOrSaid(error));
  if (typeof what === 'string')
    return {
      wrong: what === 'ENOENT' || what === 'ENOTDIR' ? `${shown} does not exist` : `cannot look at ${shown}: ${what}`,
    };
  if (!what.isDirectory() && !what.isFile()) return { wrong: `${shown} is neither a directory nor a file` };
  if (path.basename(absolute) === '') return { wrong: `${shown} has no name of its own` };
  const readable = await access(absolute, what.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK).then(
    () => true,
    () => false,
  );
  return readable
    ? { value: { path: absolute, kind: what.isDirectory() ? 'directory' : 'file' } }
    : { wrong: `this account may not read ${shown}` };
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
