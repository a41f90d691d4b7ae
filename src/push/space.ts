import { lstat, opendir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { DepotError } from '../errors.js';
import { inMebibytes } from '../printable.js';
import { isDatabase, isStreamed, type ListedSource } from '../source.js';
import { lastDeposit } from '../state/list.js';
import type { PushContext } from './push-context.js';

/**
 * Whether there is room for the spool, before hours of dumping end on a full disk: as much as the last deposit took;
 * for a first one as much as its files have now, which is only said where they may compress.
 */
export async function checkSpoolSpace({ o, state, hooks }: Pick<PushContext, 'o' | 'state' | 'hooks'>): Promise<void> {
  const space = await statfs(state.directory).catch(() => null);
  if (space === null) return;
  const free = space.bavail * space.bsize;
  const last = (await lastDeposit(state))?.bytes ?? null;
  const needed = last ?? (await bytesOf(o.arrangement.dataset));
  if (needed === null || needed <= free) return;
  const what = last === null ? 'the files to deposit take' : 'the last deposit took';
  const message = `${what} ${inMebibytes(needed)}, but ${state.directory} has room for only ${inMebibytes(free)}`;
  if (last === null && o.arrangement.compression !== 'none')
    hooks.warn(`${message}: going on, since they may compress to less`);
  else
    throw new DepotError('local-disk-full', message, {
      hint: `free space there, or set spool: false for ${o.arrangement.name}`,
    });
}

/** Bytes of all sources; null when nobody knows before they are read, as with commands, databases, `prepare`, `exclude` and `oneFileSystem`. */
export async function bytesOf(sources: readonly ListedSource[]): Promise<number | null> {
  let sum = 0;
  for (const source of sources) {
    if (source.prepare !== undefined || isStreamed(source) || isDatabase(source)) return null;
    if (source.kind === 'directory' && (source.exclude.length > 0 || source.oneFileSystem === true)) return null;
    try {
      sum += source.kind === 'file' ? (await stat(source.path)).size : await bytesBelow(source.path);
    } catch {
      // Whatever is wrong with it is for the reading to say.
      return null;
    }
  }
  return sum;
}

async function bytesBelow(directory: string): Promise<number> {
  let sum = 0;
  for await (const entry of await opendir(directory)) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) sum += await bytesBelow(file);
    else if (entry.isFile()) sum += (await lstat(file)).size;
  }
  return sum;
}
