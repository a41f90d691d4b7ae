/** What a dataset is put together from. Paths are absolute. */

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
}

export type DirectorySource = SourceCommon & {
  kind: 'directory';
  path: string;
  /** Globs (picomatch, dot files included) against paths relative to `path`; see `excluder`. */
  exclude: string[];
  /** Other file systems that are mounted below `path` stay out. */
  oneFileSystem?: boolean;
};
export type FileSource = SourceCommon & { kind: 'file'; path: string };
export type CommandSource = SourceCommon & { kind: 'command'; command: string[] };
export type StdinSource = SourceCommon & { kind: 'stdin' };
export type SourceSpec = DirectorySource | FileSource | CommandSource | StdinSource;

/** Whether it is what a program prints: of unknown length, without a name of its own, and kept in parts. */
export function isStreamed<T extends { kind: string }>(source: T): source is T & { kind: 'command' | 'stdin' } {
  return source.kind === 'command' || source.kind === 'stdin';
}
