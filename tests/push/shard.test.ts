import { expect, test } from 'vitest';
import { shardOf } from '../../src/push/shard.js';
import { inJobs } from '../../src/push/shared.js';

const names = Array.from({ length: 2000 }, (_, i) => `tenant-${i}`);

test('shards are about equally large, and every process computes the same ones', () => {
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

test('adding a fifth shard moves a fifth of the arrangements to it, and none between the others', () => {
  const moved = names.filter((name) => shardOf(name, 5) !== shardOf(name, 4));
  expect(moved.every((name) => shardOf(name, 5) === 5)).toBe(true);
  expect(moved.length / names.length).toBeCloseTo(0.2, 1);
});

test('a limited number runs at a time, started in order, with the results in the same order', async () => {
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
