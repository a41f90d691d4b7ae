/** That a dataset shrank is worth saying for longer than until the next deposit, which is compared with a small one. */
import type { Arrangement } from '../config/types.js';
import { type DatasetSize, hasShrunk } from '../dataset/sources.js';
import { runsBackwards } from '../state/runs.js';
import type { ArrangementState } from '../state/arrangement-state.js';

export interface Shrunk extends DatasetSize {
  /** The deposit that was much smaller than the one before it, and when it was made. */
  depositId: string;
  at: string;
  /** The one before it. */
  from: DatasetSize & { depositId: string };
}

const dayMs = 24 * 3600 * 1000;
/** Whoever knows that it is right need not hear it for ever. */
const rememberedMs = 30 * dayMs;

/**
 * The newest deposit, or an earlier one of the last 30 days (three times `every`, where that is longer), when it shrank
 * and none since was as large again; of several the first. What a later run delivered counts, too.
 */
export async function shrunkSince(
  state: ArrangementState,
  { shrink, every }: Pick<Arrangement, 'shrink' | 'every'>,
  now: Date,
): Promise<Shrunk | null> {
  if (shrink.then === 'off') return null;
  const from = now.getTime() - Math.max(rememberedMs, 3 * (every ?? 0));
  const made = new Set<string>();
  const since: DatasetSize[] = [];
  let found: Shrunk | null = null;
  for await (const { published, depositId, dataset, finishedAt } of runsBackwards(state)) {
    if (since.length > 0 && Date.parse(finishedAt) < from) break;
    if (depositId === null) continue;
    if (published !== 'no') made.add(depositId);
    if (dataset === undefined || !made.has(depositId)) continue;
    const { entries, bytes, previous, shrunk } = dataset;
    since.push({ entries, bytes });
    if (shrunk && previous !== null && since.every((one) => hasShrunk(one, { previous, below: shrink.below })))
      found = { depositId, at: finishedAt, entries, bytes, from: previous };
  }
  return found;
}
