/** Pushes with faults at random moments; for other seeds and more rounds: `npm run soak -- --rounds 500 --seed 1`. */
import { expect, test } from 'vitest';
import { soak, summary } from './soak.js';

test.each([201, 202, 203, 204, 205, 206])(
  'twenty pushes of 64 MiB with random faults are all settled, seed %i',
  { timeout: 1_200_000 },
  async (seed) => {
    const said: string[] = [];
    const result = await soak({ rounds: 20, seed, from: 0, mebibytes: 64, say: (line) => said.push(line) });
    expect(result.deposits, [...said, ...summary(result)].join('\n')).toBeGreaterThan(5);
  },
);
