/** Whatever happens between two nights or during one: a push that says that it deposited has deposited what restores exactly. */
import { test } from 'vitest';
import { numbers } from '../fuzz/mutate.js';
import { faults, play, shuffled } from './nights.js';

const all = shuffled(Object.keys(faults), numbers(1));
const half = Math.ceil(all.length / 2);

test.each([1, 2])('nights of which each has something that goes wrong (%i)', async (seed) => {
  await play(seed, all.slice((seed - 1) * half, seed * half));
});
