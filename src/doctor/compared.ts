/** Whether what the sources hold now is so little that a push would say so, or refuse it. */
import { type DatasetSize, hasShrunk, shrinkWords } from '../dataset/sources.js';
import { printable } from '../printable.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { lastDataset } from '../state/list.js';
import { lastRun, type RunDataset } from '../state/runs.js';
import { bytes, counted } from '../ui/format.js';
import type { Patient, Report } from './findings.js';
import type { SourceSizes } from './source-checks.js';

/** As a push compares it, where all of it can be counted; else source by source, which is no more than a warning. */
export async function comparedWithLast(
  { config, arrangement }: Patient,
  { all, each }: SourceSizes,
  report: Report,
): Promise<void> {
  const { shrink, minSize } = arrangement;
  if (all !== null && minSize !== undefined && all.bytes < minSize)
    report.failed(
      'dataset',
      'source-too-small',
      `the sources hold ${bytes(all.bytes)}, less than the ${bytes(minSize)} of minSize`,
      'find out what is missing, or lower minSize if that is all there is',
    );
  if (shrink.then === 'off') return;
  const own = new ArrangementState(config.state.path, arrangement.name);
  const previous = await lastDataset(own);
  if (previous === null) return;
  const { below } = shrink;
  const hint = 'find out what is missing';
  const before = await sourcesOf(own, previous.depositId);
  if (all !== null) {
    if (!hasShrunk(all, { previous, below })) return;
    const words = shrinkWords(all, { previous, sources: before, below }, each);
    if (shrink.then === 'fail') report.failed('dataset', 'source-shrunk', words, hint);
    else report.warning('dataset', words, hint);
    return;
  }
  for (const now of each) {
    const last = before.find(({ name }) => name === now.name);
    if (last === undefined || !hasShrunk(now, { previous: { ...last, depositId: previous.depositId }, below }))
      continue;
    report.warning(
      `source ${now.name}`,
      `has ${held(now)}; in the last deposit, ${printable(previous.depositId)}, it had ${held(last)}`,
      hint,
    );
  }
}

async function sourcesOf(own: ArrangementState, depositId: string): Promise<NonNullable<RunDataset['sources']>> {
  return (await lastRun(own, (run) => run.depositId === depositId))?.dataset?.sources ?? [];
}

function held({ entries, bytes: size }: DatasetSize): string {
  return `${counted(entries, 'entry', 'entries')}, ${bytes(size)}`;
}
