import type { WrittenArrangement } from './arrangement.js';
import { type Check, readDocument, type SourceFile, TooManyValues } from './document.js';
import { filesOf } from './include.js';
import { findConfig, readTrusted, surroundings } from './locate.js';
import { ConfigInvalid, inOrder, type Problem } from './problems.js';
import { resolveConfig, type Sources } from './resolve.js';
import { config, includedFile, type WrittenConfig } from './schema.js';
import { pathsOf, type Surroundings } from './state.js';
import type { Config } from './types.js';
import { textOf } from '../text-file.js';

export type * from './types.js';

export interface LoadOptions {
  /** `--config` */
  flag?: string | undefined;
  /** `--state` */
  state?: string | undefined;
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/**
 * Finds, checks and reads the configuration. Throws `config-not-found`, `config-unreadable`, `config-insecure`, or
 * `config-invalid` (a ConfigInvalid: everything that is wrong, with file, line and column).
 */
export async function loadConfig(o: LoadOptions): Promise<Config> {
  const s = surroundings(o.env, o.cwd);
  const { path, bytes } = await findConfig(s, o.flag);
  return resolve(path, bytes, s, o.state);
}

/** The configuration of this text as if it were at `path`; for files that are not there yet. Includes are read. */
export async function parseConfig(text: string | Uint8Array, path: string, s: Surroundings): Promise<Config> {
  return resolve(path, typeof text === 'string' ? Buffer.from(text) : text, s, undefined);
}

async function resolve(path: string, bytes: Uint8Array, s: Surroundings, state: string | undefined): Promise<Config> {
  const problems: Problem[] = [];
  const written = readFile(path, bytes, config, s, problems);
  const read = written === null ? null : await withIncludes(path, written, s, problems);
  const resolved = read === null ? null : resolveConfig(read, s, { state });
  if (problems.length > 0 || resolved === null) throw new ConfigInvalid(inOrder(problems, read?.files ?? [path]));
  return resolved;
}

function readFile<T>(path: string, bytes: Uint8Array, check: Check<T>, s: Surroundings, problems: Problem[]): T | null {
  const file: SourceFile = {
    path,
    directory: pathsOf(s.platform).dirname(path),
    home: s.home,
    paths: pathsOf(s.platform),
    problems,
  };
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
      else one.key.report(`arrangement '${one.name}' is already at ${first.key.place}`);
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
