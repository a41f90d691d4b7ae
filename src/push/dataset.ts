import { hasShrunk, type ShrinkRule, type DatasetOptions, type DatasetSummary } from '../dataset/sources.js';
import { lastDataset } from '../state/list.js';
import type { RunDataset } from '../state/runs.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import type { PushOptions } from './push-types.js';

/** The last deposit, and how small this one may be against it; null when there is none, or nobody wants to know. */
export async function shrinkRule(
  { arrangement: { shrink } }: Pick<PushOptions, 'arrangement'>,
  state: ArrangementState,
): Promise<ShrinkRule | null> {
  if (shrink.then === 'off') return null;
  const previous = await lastDataset(state);
  return previous === null ? null : { previous, below: shrink.below, then: shrink.then };
}

/** What a run says of the dataset that it has read. */
export function runDataset({ entries, bytes, excluded }: DatasetSummary, rule: ShrinkRule | null): RunDataset {
  return {
    entries,
    bytes,
    excluded,
    previous: rule?.previous ?? null,
    shrunk: rule !== null && hasShrunk({ entries, bytes }, rule),
  };
}

/** The dataset of an arrangement as the sealing thread reads it. */
export function datasetOf(
  { arrangement, config }: Pick<PushOptions, 'arrangement' | 'config'>,
  depositId: string,
  shrink: ShrinkRule | null,
): DatasetOptions {
  const { dataset, specification, minSize } = arrangement;
  return {
    sources: dataset,
    commandDirectory: config.directory,
    arrangement: arrangement.name,
    depositId,
    ...(specification !== undefined && { specification }),
    ...(minSize !== undefined && { minBytes: minSize }),
    ...(shrink !== null && { shrink }),
  };
}
