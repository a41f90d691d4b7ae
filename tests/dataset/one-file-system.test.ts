import type * as fs from 'node:fs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { reachOf } from '../../src/dataset/reachable.js';
import { tempDir } from '../support/cleanup.js';
import { directorySource, manifestEntries, pack } from './packing.js';

// To mount something takes rights that a machine with tests need not have: here every directory called "mnt" is another device.
vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return {
    ...real,
    lstatSync: (file: fs.PathLike, options?: fs.StatSyncOptions) => {
      const stat = real.lstatSync(file, options)!;
      const isMount = /(?:^|[\\/])mnt$/.test(Buffer.from(file as string).toString());
      return isMount && typeof stat.dev === 'bigint' ? Object.assign(stat, { dev: stat.dev + 1n }) : stat;
    },
  };
});

function tree(): string {
  const directory = tempDir();
  for (const name of ['a', 'a/mnt', 'z']) mkdirSync(join(directory, name));
  for (const name of ['a/1', 'a/mnt/2', 'z/3']) writeFileSync(join(directory, name), 'x');
  return directory;
}

test('oneFileSystem leaves out what is mounted below the directory, keeps where, and says so', async () => {
  const directory = tree();
  const { tar, summary, warnings } = await pack([directorySource(directory, { oneFileSystem: true })]);
  expect([...manifestEntries(tar).keys()].filter((path) => path.startsWith('data/'))).toEqual([
    'data/tree',
    'data/tree/a',
    'data/tree/a/1',
    'data/tree/a/mnt',
    'data/tree/z',
    'data/tree/z/3',
  ]);
  expect(summary.excluded).toEqual({ files: 0, directories: 0, bytes: 0, mounts: 1 });
  expect(warnings).toEqual([`left out what is mounted at ${join(directory, 'a/mnt')}: oneFileSystem is set`]);
});

test('without it nothing is left out', async () => {
  const { tar, summary } = await pack([directorySource(tree())]);
  expect(manifestEntries(tar).has('data/tree/a/mnt/2')).toBe(true);
  expect(summary.excluded).not.toHaveProperty('mounts');
});

test('doctor looks no further than a push', async () => {
  const directory = tree();
  const look = async (oneFileSystem: boolean): Promise<number> =>
    (await reachOf(directory, { exclude: [], oneFileSystem }, Date.now() + 60_000)).entries;
  expect([await look(false), await look(true)]).toEqual([6, 5]);
});
