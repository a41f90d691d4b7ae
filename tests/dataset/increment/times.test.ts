import { lstatSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../support/cleanup.js';
import { directorySource } from '../packing.js';
import { freshness } from '../../../src/dataset/increment/night-index.js';
import { REREAD } from '../../../src/dataset/increment/records.js';
import { PackedChain } from './packed-chain.js';

test('times that do not fit into 64 bits of nanoseconds keep nothing from being deposited', async () => {
  const tree = tempDir('tree');
  mkdirSync(join(tree, 'directory'));
  writeFileSync(join(tree, 'file'), 'content');
  symlinkSync('file', join(tree, 'link'));
  const names = ['directory', 'file', 'link'];
  const far = Date.UTC(2300, 0) / 1000;
  for (const name of names) lutimesSync(join(tree, name), far, far);
  const chain = new PackedChain([directorySource(tree)]);
  for (let number = 0; number < 2; number++) {
    await chain.night();
    const night = chain.restored();
    for (const name of names) {
      const { mtimeNs } = lstatSync(join(tree, name), { bigint: true });
      expect([...night].find(([path]) => path.endsWith(`/${name}`))?.[1].mtimeNs).toBe(mtimeNs);
    }
  }
});

test.each([
  ['a minute before it was read, as a mapped file may be written to once more', -60, REREAD],
  ['after it was read', 60, REREAD],
  ['long before it was read', -180, 0],
])('a file that was written %s', (_, seconds, flags) => {
  const readAtNs = 1_800_000_000_000_000_000n;
  const [old, time] = [readAtNs - 10n ** 15n, readAtNs + BigInt(seconds) * 1_000_000_000n];
  expect(freshness({ mtimeNs: time, ctimeNs: old }, readAtNs)).toBe(flags);
  expect(freshness({ mtimeNs: old, ctimeNs: time }, readAtNs)).toBe(flags);
});
