import { readdir, realpath } from 'node:fs/promises';
import { DepotError } from '../errors.js';
import { docsPage } from '../installation.js';
import { codeOrSaid, printable, said } from '../printable.js';
import { textOf } from '../text-file.js';
import type { WrittenArrangement } from './arrangement.js';
import { type Check, type Problem, readDocument, type SourceFile, TooManyValues, type Value } from './document.js';
import { path as localPath } from './kinds.js';
import { findConfig, readTrusted, surroundings } from './locate.js';
import { resolveConfig, type Sources } from './resolve.js';
import { config, includedFile, type WrittenConfig } from './schema.js';
import { secretFiles } from './login-files.js';
import { sshHosts } from './ssh-hosts.js';
import { pathsOf, type Surroundings } from './state.js';
import type { Config } from './types.js';
import { lookAhead } from '../windows/checks.js';

export type * from './types.js';

export interface LoadOptions {
  /** `--config` */
  flag?: string | undefined;
  /** `--state` */
  state?: string | undefined;
  env: NodeJS.ProcessEnv;
  cwd: string;
}

const mostShown = 50;

/** `config-invalid` with everything that is wrong, for the message and as data. */
export class ConfigInvalid extends DepotError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const shown = problems.slice(0, mostShown).map((p) => `${printable(p.file)}:${p.line}:${p.column}: ${p.message}`);
    const head = problems.length === 1 ? [] : [`${problems.length} problems in the configuration`];
    const rest = problems.length > mostShown ? [`and ${problems.length - mostShown} more`] : [];
    super('config-invalid', [...head, ...shown, ...rest].join('\n'), {
      hint: `correct the configuration; every key is described in ${docsPage('configuration.md')}`,
    });
    this.problems = problems;
  }
}

/**
 * Finds, checks and reads the configuration. Throws `config-not-found`, `config-unreadable`, `config-insecure`, or
 * `config-invalid` (a ConfigInvalid: everything that is wrong, with file, line and column).
 */
export async function loadConfig(o: LoadOptions): Promise<Config> {
  const s = surroundings(o.env, o.cwd);
  const { path, bytes } = await findConfig(s, o.flag);
  const config = await parseConfig(bytes, path, s, o.state);
  lookAhead(privatePaths(config));
  return config;
}

/** What a run is going to ask after, as far as the configuration says. */
function privatePaths({ supplier, state, arrangements }: Config): string[] {
  const named = [...arrangements.values()].flatMap(({ name, remote }) => [
    pathsOf(process.platform).join(state.path, name),
    ...secretFiles(remote),
  ]);
  const all = new Set([state.path, supplier.signingKey, supplier.passphrase.file, ...named]);
  return [...all].filter((path) => path !== undefined);
}

/** The configuration of this text as if it were at `path`, whose file need not be there. Includes are read. */
export async function parseConfig(
  text: string | Uint8Array,
  path: string,
  s: Surroundings,
  state?: string,
): Promise<Config> {
  const problems: Problem[] = [];
  const written = readFile(path, typeof text === 'string' ? Buffer.from(text) : text, config, s, problems);
  const read = written === null ? null : await withIncludes(path, written, s, problems);
  const fromSsh = read === null ? new Map<string, never>() : await sshHosts(read.arrangements, read.written.remote);
  const resolved = read === null ? null : resolveConfig(read, s, { state }, fromSsh);
  if (problems.length === 0 && resolved !== null) return resolved;
  // As someone with an editor would go through them.
  const fileOrder = (p: Problem): number => read?.files.indexOf(p.file) ?? 0;
  throw new ConfigInvalid(
    problems.sort((a, b) => fileOrder(a) - fileOrder(b) || a.line - b.line || a.column - b.column),
  );
}

function readFile<T>(path: string, bytes: Uint8Array, check: Check<T>, s: Surroundings, problems: Problem[]): T | null {
  const paths = pathsOf(s.platform);
  const file: SourceFile = { path, directory: paths.dirname(path), home: s.home, paths, problems };
  const refuse = (message: string): null => {
    problems.push({ file: path, line: 1, column: 1, message });
    return null;
  };
  const text = textOf(bytes);
  if (text === null) return refuse('this is not UTF-8 text');
  const before = problems.length;
  try {
    const root = readDocument(text, file);
    return root === null ? null : check(root);
  } catch (error) {
    if (!(error instanceof TooManyValues)) throw error;
    problems.length = before;
    return refuse('this has more values than any configuration needs; do aliases refer to lists of aliases?');
  }
}

/** Adds what the files of `include:` say; a name that two of them give to an arrangement is a problem. */
async function withIncludes(
  path: string,
  written: WrittenConfig,
  s: Surroundings,
  problems: Problem[],
): Promise<Sources> {
  const arrangements = new Map<string, WrittenArrangement>();
  const files = [path];
  const warnings: string[] = [];
  const add = (found: readonly WrittenArrangement[]): void => {
    for (const one of found) {
      const first = arrangements.get(one.name);
      if (first === undefined) arrangements.set(one.name, one);
      else one.key.report(`arrangement '${one.name}' is already defined at ${first.key.place}`);
    }
  };
  add(written.arrangements ?? []);
  for (const { pattern, at } of written.include ?? []) {
    const named = await filesOf(pattern, at, path);
    if (named.length === 0) warnings.push(`${at.place}: include ${at.shown} matches no file`);
    for (const file of named) {
      if (files.includes(file)) continue;
      const bytes = await readTrusted(file);
      if (bytes === undefined) {
        at.report(`${at.shown}: no such file`);
        continue;
      }
      files.push(file);
      add(readFile(file, bytes, includedFile, s, problems) ?? []);
    }
  }
  return { path, files, written, arrangements: [...arrangements.values()], warnings };
}

/** How deep `**` looks; a link that leads upwards ends here. */
const deepest = 12;

/** The files that an `include:` pattern names, absolute and sorted, less `self`. A plain name need not be there. */
async function filesOf(pattern: string, at: Value, self: string): Promise<string[]> {
  const { paths } = at.file;
  if (!/[*?[\]{}()!]/.test(pattern)) {
    const path = localPath.read(at);
    return path === null ? [] : [path];
  }
  // Loaded when needed only: most configurations have no patterns, and `status` is to start fast.
  const [{ default: picomatch }, { Glob, Spellings, withSlashes }] = await Promise.all([
    import('picomatch'),
    import('../glob.js'),
  ]);
  const { base, glob } = picomatch.scan(paths.sep === '\\' ? withSlashes(pattern) : pattern);
  const directory = paths.resolve(
    at.file.directory,
    base.startsWith('~/') ? paths.join(at.file.home ?? '~', base.slice(2)) : base,
  );
  let named: InstanceType<typeof Glob>;
  try {
    named = new Glob(glob);
  } catch (error) {
    // A lone `!` or an endless pattern.
    at.report(`${at.shown} is not a pattern of file names; picomatch says: ${said(error)}`);
    return [];
  }
  const levels = glob.includes('**') ? deepest : glob.split('/').length;
  const own = await realpath(self).catch(() => self);
  const found: string[] = [];
  const spellings = new Spellings(directory);
  for (const relative of await filesBelow(directory, levels, at)) {
    if (!named.matches(relative, spellings)) continue;
    const path = paths.join(directory, relative);
    // `include: ["*.yaml"]` beside depot.yaml would include that itself.
    if ((await realpath(path).catch(() => path)) !== own) found.push(path);
  }
  return found.sort();
}

/** Paths with forward slashes, relative to `directory`. */
async function filesBelow(directory: string, levels: number, at: Value): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    const code = codeOrSaid(error);
    if (code !== 'ENOENT') at.report(`${printable(directory)} cannot be listed: ${code}`);
    return [];
  }
  const found: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) {
      if (levels > 1 && !entry.name.startsWith('.')) {
        for (const below of await filesBelow(`${directory}/${entry.name}`, levels - 1, at))
          found.push(`${entry.name}/${below}`);
      }
    } else found.push(entry.name);
  }
  return found;
}
