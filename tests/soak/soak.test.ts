/** A short soak, so that the long one (`npm run soak`) is known to work; and its plans, which must be the same each time. */
import { expect, test } from 'vitest';
import { phases, planOf } from './plan.js';
import { soak, summary } from './soak.js';

test('six pushes, with a fault in a different phase each, are all settled', { timeout: 300_000 }, async () => {
  const said: string[] = [];
  const result = await soak({ rounds: 6, seed: 1, from: 0, mebibytes: 16, say: (line) => said.push(line) });
  expect(result.deposits, [...said, ...summary(result)].join('\n')).toBeGreaterThan(2);
});

test('the plan depends only on seed and round, and each phase comes equally often', () => {
  expect(planOf(7, 123)).toEqual(planOf(7, 123));
  expect(planOf(8, 123)).not.toEqual(planOf(7, 123));
  for (const seed of [1, 2, 3]) {
    const drawn = Array.from({ length: 60 }, (_, round) => planOf(seed, round).phase);
    for (const phase of phases) expect(drawn.filter((one) => one === phase)).toHaveLength(10);
  }
});
