/** What depot knows of a kind of database, and how it asks one. A file beside this one has each kind. */
import path from 'node:path';
import { type RunOptions, run } from '../child.js';
import { DepotError, isDepotError } from '../errors.js';
import type { HandedSecret } from '../handed-secret.js';
import { printable } from '../printable.js';
import type { Secret } from '../secret.js';
import type { CommandSource, FileSource, RestoreLines } from '../source.js';
import { type Asked, explained, inEnglish } from './causes.js';

export type Target = Asked & { database: string };

/** Where and how its programs run. */
export interface Surroundings {
  /** Comes before what a program says: `source crm.pgdump`. */
  label: string;
  directory: string;
  env: NodeJS.ProcessEnv;
  /** Null leaves the login to the database's own means: its own password files, variables, the account's name. */
  password: Secret | null;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** What was found at a database. */
export interface Seen {
  /** `PostgreSQL 15.4`. */
  server: string;
  /** What would dump it: `pg_dump 15.8`. */
  tool: string;
  /** What the server keeps, not what a dump of it has; null where it does not tell. */
  bytes: number | null;
  /** Those that this account can see; null where it cannot tell none from some. */
  tables: number | null;
  /** What speaks against a dump and does not keep it from being made, fit to print. */
  warnings: string[];
  known: Known;
}

/** What only a database's own file understands: for the dump and its restore lines. What a server said is `checked`. */
export type Known = Readonly<Record<string, string>>;

/** What is read in its place, without what all sources have. */
export type Packed = (
  | Pick<CommandSource, 'kind' | 'command' | 'input' | 'endsWith' | 'format'>
  | Pick<FileSource, 'kind' | 'path' | 'madeByPrepare'>
) & {
  prepare?: string[];
  cleanup?: string[];
  secret?: { of: 'prepare' | 'command' } & HandedSecret;
  restore: Pick<RestoreLines, 'en' | 'nl'> & { lines: (file: string) => string[] };
};

export interface Database {
  /** For people: `PostgreSQL`. */
  title: string;
  /** What the file in the deposit is called. */
  fileName: (database: string) => string;
  /** Why this must not be one of its `options:`; null when it may. */
  optionProblem: (option: string) => string | null;
  /**
   * Connects and looks. Null when there is nothing to look with. Throws 'source-failed' with the words of the program,
   * 'source-timed-out', 'source-client-too-old'.
   */
  look: (target: Target, around: Surroundings) => Promise<Seen | null>;
  /** What is known of the program that dumps, before there is a server to ask. Throws 'source-failed' where there is none. */
  client: (target: Target, around: Surroundings) => Promise<Known>;
  /** `known` is what `look` or `client` found. */
  pack: (target: Target, around: Pick<Surroundings, 'password' | 'env'>, known: Known) => Packed;
  /** The names of the databases that a login can see; empty where that cannot be asked. Throws as `look`. */
  list: (login: Omit<Target, 'database'>, around: Surroundings) => Promise<string[]>;
}

/** Runs a program to ask something, and gives what it printed, in lines. */
export async function ask(
  argv: readonly string[],
  target: Asked,
  around: Surroundings,
  o: Pick<RunOptions, 'secret' | 'maxBytes'> & { env?: Record<string, string>; hint: string },
): Promise<string[]> {
  try {
    const { output } = await run(argv, {
      label: `${around.label}:`,
      code: 'source-failed',
      timeoutCode: 'source-timed-out',
      startHint: `install it, or set program: in depot.yaml to its path; a scheduled run may have another PATH`,
      directory: around.directory,
      env: around.env,
      setEnv: { ...inEnglish(target), ...o.env, ...target.env },
      timeoutMs: around.timeoutMs,
      signal: around.signal,
      stdout: 'keep',
      ...(o.secret && { secret: o.secret }),
      ...(o.maxBytes !== undefined && { maxBytes: o.maxBytes }),
    });
    return output
      .toString()
      .split(/\r?\n/)
      .filter((line) => line !== '');
  } catch (error) {
    if (!isDepotError(error) || isMissing(error) || around.signal?.aborted === true) throw error;
    const [what = '', ...lines] = error.message.split('\n');
    // Where depot put the password is nobody's business, and no file that can be looked at.
    const words = lines.filter((line) => !line.includes('password retrieved from file "/proc/'));
    const cause = error.code === 'source-failed' ? explained(lines.join('\n'), target) : null;
    throw new DepotError(error.code, [cause === null ? what : `${around.label}: ${cause.what}`, ...words].join('\n'), {
      hint: cause?.hint ?? o.hint,
      cause: error,
    });
  }
}

export const digits = /^\d+$/;

/**
 * What a server said, which is shown to people and goes into lines that they paste into a shell: the server need not be
 * the one that was meant. Throws 'source-failed' for more than a plain word.
 */
export function checked(what: string, value: string, { label }: Surroundings, like = /^[A-Za-z0-9_.@-]+$/): string {
  if (like.test(value)) return value;
  throw new DepotError('source-failed', `${label}: the server gave '${printable(value)}' as its ${what}`, {
    hint: 'check that the host and port of this source are those of your database server',
  });
}

/** Whether it is this machine: a socket, or the loopback. An empty one is what the programs take without any. */
export function isHere(host: string): boolean {
  return host === '' || /^[/@]|^(?:localhost|::1|127(?:\.\d+){3})$/i.test(host);
}

/** A warning. `way` says how the server is made to prove itself. */
export function unproven(host: string, way: string): string {
  return `nothing proves that ${printable(host)} is your database server: whoever answers in its place may get the password, and what you deposit may be theirs; ${way}`;
}

/** What `PROGRAM --version` says; null when there is no such program. `options` for wrappers that choose a version by them. */
export async function versionLine(
  program: string,
  options: readonly string[],
  target: Asked,
  around: Surroundings,
): Promise<string | null> {
  try {
    const lines = await ask([program, '--version', ...options], target, around, { hint: 'try it by hand' });
    return lines[0] ?? '';
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return isDepotError(error) && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

/** The program `name` of the same installation as `program`, where that is a path. */
export function beside(program: string | undefined, name: string): string {
  return program !== undefined && /[\\/]/.test(program) ? path.join(path.dirname(program), name) : name;
}

export function missing(program: string, { label }: Surroundings): DepotError {
  return new DepotError('source-failed', `${label}: the program ${printable(program)} was not found`, {
    hint: 'install it, or set program: in depot.yaml to its path; a scheduled run may have another PATH',
  });
}

/** What to restore a file of the deposit into: a name that no program and no shell misunderstands. */
export function restoredName(file: string): string {
  const plain = path.posix
    .parse(file)
    .name.replace(/[^A-Za-z0-9_]+/g, '_')
    .replace(/^_+|_+$/g, '');
  return plain === '' ? 'restored' : plain;
}

/** `[10, 11, 6]` of the first version number in a text. */
export function versionIn(text: string): number[] {
  return (/\d+(?:\.\d+)*/.exec(text)?.[0] ?? '').split('.').map(Number);
}
