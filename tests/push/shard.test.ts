import { expect, test } from 'vitest';
import { shardOf } from '../../src/push/shard.js';
import { inJobs } from '../../src/push/shared.js';

const names = Array.from({ length: 2000 }, (_, i) => `tenant-${i}`);

test('every shard gets about as many, and another process comes to the same', () => {
  const counts = [0, 0, 0, 0];
  for (const name of names) counts[shardOf(name, 4) - 1]++;
  for (const count of counts) expect(count).toBeGreaterThan(400);
  // Machines with different versions of depot may work side by side: these may never change.
  expect(['acme-crm', 'globex', 'initech', 'tenant-7'].map((name) => shardOf(name, 4))).toMatchInlineSnapshot(`
    [
      1,
      1,
      4,
      3,
    ]
  `);
});

test('a fifth shard takes over a fifth, and nothing moves between the others', () => {
  const moved = names.filter((name) => shardOf(name, 5) !== shardOf(name, 4));
  expect(moved.every((name) => shardOf(name, 5) === 5)).toBe(true);
  expect(moved.length / names.length).toBeCloseTo(0.2, 1);
});

test('so many at a time, begun in order, and an answer for each in that order', async () => {
  const seen: number[] = [];
  let now = 0;
  let most = 0;
  const answers = await inJobs([...names.keys()], 3, async (i) => {
    seen.push(i);
    most = Math.max(most, ++now);
    for (let turns = i % 3; turns >= 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    now--;
    return names[i];
  });
  expect(most).toBe(3);
  expect(seen).toEqual([...names.keys()]);
  expect(answers).toEqual(names);
});
