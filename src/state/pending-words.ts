/** What is said of a deposit that is pending: the same words wherever it is said. */
import { printable } from '../printable.js';
import type { PendingRecord, PendingStage } from './pending.js';

/** Where deposits go: a record is settled only against the same place. */
export type Place = PendingRecord['server'];

const stages: Readonly<Record<PendingStage, { is: string; next: string }>> = {
  intent: { is: 'was not deposited', next: 'the next push clears it away, or goes on with it' },
  closing: { is: 'may be deposited', next: 'the next push finds out' },
  published: { is: 'is deposited, and has no receipt yet', next: 'the next push writes it' },
  unconfirmed: { is: 'is possibly deposited', next: 'the next push looks again' },
  sidecars: { is: 'is deposited', next: 'the next push delivers what belongs beside it' },
};

export function samePlace(a: Place, b: Place): boolean {
  return a.account === b.account && a.directory === b.directory;
}

/** Follows the deposit's id. `goesTo` is where pushes go now; null when no configuration says so. */
export function pendingWords(
  { stage, server, depositId }: Pick<PendingRecord, 'stage' | 'server' | 'depositId'>,
  goesTo: Place | null,
): string {
  const { is, next } = stages[stage];
  if (goesTo === null || samePlace(server, goesTo)) return `${is}; ${next}`;
  return `${is}; it was begun at ${placeText(server)}, where pushes do not go any more, so no push settles it: «depot receipts note ${depositId} --dropped»`;
}

export function placeText({ account, directory }: Place): string {
  return printable(directory === '' ? account : `${account}, ${directory}`);
}
