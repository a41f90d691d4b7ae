import { accessSync, constants, lstatSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { fromText, join, toPath, type ByteString } from './bytestring.js';
import type { DirectorySource } from '../source.js';
import { excluder, type Unused } from './exclude.js';
import { listChildren } from './listing.js';
import { hasCode, shown } from './reading.js';

export interface Reach {
  /** Files and directories that were looked at. */
  entries: number;
  /** Of these, files and symbolic links: without any, a source is empty. */
  files: number;
  /** Content of the files, in bytes. */
  bytes: number;
  /** How many may not be read, and the first of them, fit to print. */
  closed: number;
  firstClosed: string | null;
  /** Patterns of `exclude` that matched nothing; empty where not everything was looked at. */
  unused: Unused[];
  /** False when time ran out before everything was looked at. */
  complete: boolean;
}

const exact = { bigint: true } as const;
/** Entries between two turns of the event loop. */
const stride = 500;

/** Whether this account may read what a push will read; looks until `until` (as `Date.now()`). */
export async function reachOf(
  directory: string,
  source: Pick<DirectorySource, 'exclude' | 'oneFileSystem'>,
  until: number,
  signal?: AbortSignal,
): Promise<Reach> {
  const reach: Reach = { entries: 0, files: 0, bytes: 0, closed: 0, firstClosed: null, unused: [], complete: true };
  const root = fromText(directory);
  const excluded = excluder(source.exclude, root);
  const device = source.oneFileSystem === true ? lstatSync(toPath(root), exact).dev : null;
  const stack = [root];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    try {
      for (const child of listChildren(at)) {
        const file = join(at, child.name);
        if (excluded?.excludes(file.slice(root.length + 1) as ByteString, child.kind === 'directory')) continue;
        if (++reach.entries % stride === 0) {
          await setImmediate();
          signal?.throwIfAborted();
          if (Date.now() >= until) return { ...reach, complete: false };
        }
        if (child.kind === 'file' || child.kind === 'symlink') reach.files++;
        if (child.kind === 'directory') {
          if (device === null || lstatSync(toPath(file), exact).dev === device) stack.push(file);
        } else if (child.kind === 'file') look(reach, file);
      }
    } catch (error) {
      note(reach, at, error);
    }
  }
  return { ...reach, unused: excluded?.unused() ?? [] };
}

function look(reach: Reach, file: ByteString): void {
  try {
    accessSync(toPath(file), constants.R_OK);
    reach.bytes += lstatSync(toPath(file)).size;
  } catch (error) {
    note(reach, file, error);
  }
}

function note(reach: Reach, file: ByteString, error: unknown): void {
  if (hasCode(error, 'ENOENT', 'ENOTDIR')) return;
  if (!hasCode(error, 'EACCES', 'EPERM')) throw error;
  reach.closed++;
  reach.firstClosed ??= shown(file);
}
