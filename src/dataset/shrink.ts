/** A dataset that is much smaller than the last one: an export that failed without saying so, or an exclude that takes too much. */

export interface DatasetSize {
  entries: number;
  bytes: number;
}

/** The dataset of the last deposit, and how small this one may be against it. */
export interface ShrinkRule {
  previous: DatasetSize & { depositId: string };
  /** From 0 to 1: fewer entries or bytes than this part of the last ones are too few. */
  below: number;
  then: 'warn' | 'fail';
}

export function hasShrunk(now: DatasetSize, { previous, below }: Pick<ShrinkRule, 'previous' | 'below'>): boolean {
  return now.entries < previous.entries * below || now.bytes < previous.bytes * below;
}

/** Both figures of both. */
export function shrinkWords(now: DatasetSize, previous: ShrinkRule['previous']): string {
  const size = ({ entries, bytes }: DatasetSize): string =>
    `${entries.toLocaleString('en-US')} ${entries === 1 ? 'entry' : 'entries'} and ${bytes.toLocaleString('en-US')} ${bytes === 1 ? 'byte' : 'bytes'}`;
  return `the dataset shrank: it has ${size(now)}, and the last deposit, ${previous.depositId}, had ${size(previous)}`;
}
