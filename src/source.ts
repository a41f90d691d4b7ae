/** What a dataset is put together from. Paths are absolute. */
import type { HandedSecret } from './handed-secret.js';

interface SourceCommon {
  /** Its name below `data/` in the suitcase: `as`, else the base name. */
  name: string;
  /** Runs before the source is read, without a shell; when it fails, the source has failed. */
  prepare?: string[];
  /** Runs after the source was read, failed or was aborted; when it fails, that is a warning. */
  cleanup?: string[];
  /** Added to the environment of prepare, command and cleanup. */
  env?: Record<string, string>;
  /** For each of prepare, command, stdin and cleanup. */
  timeoutMs?: number;
  /** Whether a file or an output without content, or a directory without files, may be deposited. */
  allowEmpty: boolean;
  /** What a file that changes or vanishes while it is read is: an error, or a warning and `complete: false`. */
  onChange: 'fail' | 'warn';
  /** What `prepare` or `command` alone is to know: a password. */
  secret?: { of: 'prepare' | 'command' } & HandedSecret;
  /** How to use it one day, for the README in the suitcase. */
  restore?: RestoreLines;
}

/** What is in a source, and the lines for a shell, in the directory that holds `data`, that restore it. */
export interface RestoreLines {
  en: string;
  nl: string;
  lines: string[];
}

export type DirectorySource = SourceCommon & {
  kind: 'directory';
  path: string;
  /** Globs (picomatch, dot files included) against paths relative to `path`; see `excluder`. */
  exclude: string[];
  /** Other file systems that are mounted below `path` stay out. */
  oneFileSystem?: boolean;
};
export type FileSource = SourceCommon & {
  kind: 'file';
  path: string;
  /** `prepare` writes it: one that is as it was before is an old one. */
  madeByPrepare?: boolean;
};
export type CommandSource = SourceCommon & {
  kind: 'command';
  command: string[];
  /** How its output ends when it is whole: some programs fail and exit with status 0. */
  endsWith?: string;
  /** What it prints, where that can be followed to its end: an archive of pg_dump in its custom format. */
  format?: 'pg_dump';
  /** What it reads on standard input, which is closed otherwise. */
  input?: string;
};
export type StdinSource = SourceCommon & { kind: 'stdin' };
/** What can be packed. */
export type SourceSpec = DirectorySource | FileSource | CommandSource | StdinSource;

export const databaseKinds = ['postgresql', 'mariadb', 'mysql', 'sqlite', 'sqlserver'] as const;
export type DatabaseKind = (typeof databaseKinds)[number];

/** A database, as depot.yaml has it. What is left out is for the database's own programs to know. */
export interface DatabaseSettings {
  /** Its name; the path of its file where it is one (SQLite). */
  database: string;
  host?: string;
  port?: number;
  username?: string;
  /** Where its password is: at most one of the two. */
  password: { file?: string; command?: string[] };
  /** More arguments for the program that dumps it; see `optionProblem`. */
  options: string[];
  /** The program that dumps it, by path or by a name on the PATH. */
  program?: string;
  /** The file that a server writes, where it does not let its dump stream (SQL Server). */
  backup?: string;
}

export type DatabaseSource = SourceCommon & { kind: DatabaseKind } & DatabaseSettings;
/** What a dataset may list: a database becomes what can be packed when a push begins (`src/databases/`). */
export type ListedSource = SourceSpec | DatabaseSource;

export function isDatabase<T extends { kind: string }>(source: T): source is T & { kind: DatabaseKind } {
  return (databaseKinds as readonly string[]).includes(source.kind);
}

type StreamedKind = 'command' | 'stdin' | Exclude<DatabaseKind, 'sqlserver'>;

/** Whether it is what a program prints: of unknown length, without a name of its own, and kept in parts. */
export function isStreamed<T extends { kind: string }>(source: T): source is T & { kind: StreamedKind } {
  if (isDatabase(source)) return source.kind !== 'sqlserver';
  return source.kind === 'command' || source.kind === 'stdin';
}
