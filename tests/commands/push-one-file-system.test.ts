/** `--one-file-system`: `oneFileSystem: true` for every directory of one run. What that leaves out: tests/dataset/one-file-system.test.ts. */
import { expect, test } from 'vitest';
import { datasetOf } from './simulated-push.js';

test('--one-file-system holds for every directory of this run, and for nothing else', async () => {
  const dataset = [{ directory: '/srv/a' }, { directory: '/srv/b', oneFileSystem: false }, { file: '/srv/c' }];
  const kept = async (...flags: string[]): Promise<boolean[]> =>
    (await datasetOf(dataset, flags)).map((source) => 'oneFileSystem' in source && source.oneFileSystem);
  expect(await kept()).toEqual([false, false, false]);
  expect(await kept('--one-file-system')).toEqual([true, true, false]);
});
