/** As nights.test.ts, in many other orders; in more yet: `DEPOT_TEST_RUNS=200 npx vitest run --mode long nights`. */
import { test } from 'vitest';
import { numbers } from '../fuzz/mutate.js';
import { faults, play, shuffled } from './nights.js';

const NIGHTS = 12;
const runs = Number(process.env['DEPOT_TEST_RUNS'] ?? 20);

test.each(Array.from({ length: runs }, (_, i) => 100 + i))('seed %i', async (seed) => {
  await play(seed, shuffled(Object.keys(faults), numbers(seed)).slice(0, NIGHTS));
});
