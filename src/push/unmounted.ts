/** A source that was there for the last deposit and is gone: at night that is a disk that is not mounted, rather than a wrong path. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { isDepotError } from '../errors.js';
import { printable } from '../printable.js';
import { typedWord } from '../shell.js';
import type { ListedSource } from '../source.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import { lastRun } from '../state/runs.js';

/** Gives the error of such a source the hint that leads there. */
export async function tellOfUnmounted(
  error: unknown,
  dataset: readonly ListedSource[],
  state: ArrangementState,
): Promise<void> {
  if (!isDepotError(error, 'source-failed') && !isDepotError(error, 'source-empty')) return;
  for (const source of dataset) {
    const at = placeOf(source);
    if (at === null || !isGone(at)) continue;
    if (!error.message.includes(printable(at)) && !error.message.includes(`source ${printable(source.name)}:`))
      continue;
    const held = (name: string): boolean => name === source.name;
    const last = await lastRun(
      state,
      (run) => run.published === 'yes' && run.dataset?.sources?.some(({ name }) => held(name)) === true,
    ).catch(() => null);
    const before = last?.dataset?.sources?.find(({ name }) => held(name));
    if (last === null || before === undefined || before.bytes === 0) continue;
    const look = process.platform === 'linux' ? `: «findmnt -T ${typedWord(nearest(at))}»` : '';
    error.hint = `it was there for the deposit of ${last.startedAt.slice(0, 10)}; see whether its file system is mounted${look}`;
    return;
  }
}

/** Null for what depot or a command makes anew each time. */
function placeOf(source: ListedSource): string | null {
  if (source.prepare !== undefined) return null;
  if (source.kind === 'directory' || source.kind === 'file') return source.path;
  return source.kind === 'sqlite' ? source.database : null;
}

/** An empty directory is what is left of a file system that is not mounted. */
function isGone(file: string): boolean {
  try {
    return !existsSync(file) || readdirSync(file).length === 0;
  } catch {
    return false;
  }
}

function nearest(file: string): string {
  return existsSync(file) ? file : nearest(path.dirname(file));
}
