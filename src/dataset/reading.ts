import { realpathSync, statSync } from 'node:fs';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import type { Excluded } from './exclude.js';
import type { Listing } from './listed.js';
import { fromBytes, fromText, toBytes, toPath, type ByteString } from './bytestring.js';
import type { SourceSpec } from '../source.js';
import type { Warn } from '../warning.js';

export type SkippedKind = 'socket' | 'fifo' | 'device' | 'unknown' | 'vanished';

/** A directory full of sockets must not fill a log. */
const WARNINGS_PER_KIND = 20;

/** How often it is told how far the reading is. */
const TELL_MS = 250;

/** What is noticed while the sources are read: the operator hears of it, or `onChange` forbids it. */
export class Reading {
  readonly skipped: Partial<Record<SkippedKind, number>> = {};
  complete = true;
  /** What `exclude` left out; what is below a directory is not looked at. */
  readonly excluded = { files: 0, directories: 0, bytes: 0 };
  /** The same by pattern, of the sources that were read. */
  readonly patterns: (Excluded & { source: string })[] = [];
  /** Directories of the dataset on which another file system is mounted that stays out. */
  mounts = 0;
  /** Bytes read of what is listed only at its end: a large file, what a command prints. */
  unlisted = 0;
  #changed = 0;
  #told = 0;

  /** `tell`: how far it is. */
  constructor(
    readonly warn: Warn,
    private readonly tell: () => void = () => undefined,
    readonly listing?: Listing,
  ) {}

  /** Something was read or passed over. Where nothing is new nothing is sealed, and this is all that moves. */
  passed(): void {
    const now = performance.now();
    if (now - this.#told < TELL_MS) return;
    this.#told = now;
    this.tell();
  }

  leftOut(kind: Exclude<SkippedKind, 'vanished'>, path: ByteString): void {
    this.#count(
      kind,
      `skipped ${shown(path)}: ${kind === 'unknown' ? 'something that is neither file, directory nor link' : `a ${kind}`} cannot be deposited`,
    );
  }

  /** `bytes`: null for a directory. */
  excludedHere(by: Excluded, bytes: number | null): void {
    for (const count of [this.excluded, by]) {
      if (bytes === null) count.directories++;
      else {
        count.files++;
        count.bytes += bytes;
      }
    }
  }

  /** What `oneFileSystem` keeps out. */
  notCrossed(path: ByteString): void {
    if (++this.mounts <= WARNINGS_PER_KIND)
      this.warn(`left out what is mounted at ${shown(path)}: oneFileSystem is set`);
    if (this.mounts === WARNINGS_PER_KIND) this.warn('more that is mounted there is counted and not named');
  }

  vanished(source: SourceSpec, path: ByteString): void {
    if (source.onChange === 'fail') throw changedError(`${shown(path)} vanished while it was read`);
    this.complete = false;
    this.#count('vanished', `${shown(path)} vanished while it was read; it is not in the dataset`);
  }

  /** Something did not stay as it was; `how` completes "<path> …". */
  changed(source: SourceSpec, path: ByteString, how: string): void {
    if (source.onChange === 'fail') throw changedError(`${shown(path)} ${how}`);
    this.complete = false;
    if (++this.#changed <= WARNINGS_PER_KIND) this.warn(`${shown(path)} ${how}`);
    if (this.#changed === WARNINGS_PER_KIND) this.warn('more changed while it was read, and is not listed');
  }

  #count(kind: SkippedKind, message: string): void {
    const count = (this.skipped[kind] ?? 0) + 1;
    this.skipped[kind] = count;
    if (count <= WARNINGS_PER_KIND) this.warn(message);
    if (count === WARNINGS_PER_KIND) this.warn(`more of this kind (${kind}) are counted but not listed`);
  }
}

function changedError(message: string): DepotError {
  return new DepotError('source-changed', message, {
    hint: 'deposit a copy or a snapshot that does not change, or set onChange: warn',
  });
}

/**
 * Where a source's own path leads. Only here we follow symlinks: the operator named `/srv/export/latest` and means what
 * it points to, while a link inside a dataset may point anywhere. @throws DepotError 'source-failed'
 */
export function locate(path: string, expected: 'directory' | 'file'): ByteString {
  const named = fromText(path);
  let real: ByteString;
  let found;
  try {
    real = fromBytes(realpathSync.native(path, { encoding: 'buffer' }));
    found = statSync(toPath(real));
  } catch (error) {
    throw unreadable(named, error);
  }
  if (expected === 'directory' ? found.isDirectory() : found.isFile()) return real;
  const actual = found.isDirectory() ? 'a directory' : found.isFile() ? 'a file' : 'neither a file nor a directory';
  throw new DepotError('source-failed', `${shown(named)} is ${actual}`, {
    hint: `name a ${expected} here, or use another kind of source`,
  });
}

export function unreadable(path: ByteString, error: unknown): DepotError {
  const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return new DepotError('source-failed', `cannot read ${shown(path)}: ${reasons[reason] ?? reason}`, {
    hint: hints[reason] ?? 'find out what is wrong with it, then run this again',
    cause: error,
  });
}

export function emptyError({ name }: Pick<SourceSpec, 'name'>, what: string): DepotError {
  return new DepotError('source-empty', `source ${printable(name)}: ${what}`, {
    hint: 'find out why, or set allowEmpty: true if that is right',
  });
}

const reasons: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EIO: 'input/output error',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EBUSY: 'in use by another program',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'its path is too long for the system',
  ESTALE: 'stale network file handle',
};

const hints: Record<string, string> = {
  EACCES: 'let the account that runs depot read it, or leave it out with exclude:',
  EPERM: 'let the account that runs depot read it, or leave it out with exclude:',
  EIO: 'check the disk that it is on',
  ENOENT: 'check the path in the configuration',
};

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

export function shown(path: ByteString): string {
  return printable(toBytes(path));
}
