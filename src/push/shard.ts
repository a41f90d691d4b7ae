import { createHash } from 'node:crypto';

/** One of several processes that divide the arrangements among them. */
export interface Shard {
  /** From 1 to `of`. */
  index: number;
  of: number;
}

/** The shard of an arrangement, by its name alone (rendezvous hashing): a new shard moves only what it gets. */
export function shardOf(arrangement: string, of: number): number {
  let [best, highest] = [1, ''];
  for (let index = 1; index <= of; index++) {
    const weight = createHash('sha256').update(`${arrangement}\n${index}`).digest('hex');
    if (weight > highest) [best, highest] = [index, weight];
  }
  return best;
}
