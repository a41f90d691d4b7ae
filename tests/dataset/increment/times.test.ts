import { lstatSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../support/cleanup.js';
import { directorySource, pack } from '../packing.js';
import { restored } from './restored.js';

test('times that do not fit into 64 bits of nanoseconds keep nothing from being deposited', async () => {
  const root = tempDir('nights');
  const tree = join(root, 'tree');
  mkdirSync(join(tree, 'directory'), { recursive: true });
  writeFileSync(join(tree, 'file'), 'content');
  symlinkSync('file', join(tree, 'link'));
  const names = ['directory', 'file', 'link'];
  const far = Date.UTC(2300, 0) / 1000;
  for (const name of names) lutimesSync(join(tree, name), far, far);
  const tars: Buffer[] = [];
  const deposits: { depositId: string; bytes: number; sha256: string }[] = [];
  for (const number of [0, 1]) {
    const { tar } = await pack([directorySource(tree)], {
      depositId: `x${number}`,
      chain: {
        index: join(root, `${number}.index`),
        key: Buffer.alloc(32, 7),
        recipients: ['A'],
        reread: false,
        startedAt: '2026-11-22T00:30:00Z',
        base: number === 0 ? null : { index: join(root, '0.index'), deposits: [...deposits] },
      },
    });
    tars.push(tar);
    deposits.push({ depositId: `x${number}`, bytes: tar.length, sha256: '0'.repeat(64) });
    const night = restored(tars);
    for (const name of names) {
      const { mtimeNs } = lstatSync(join(tree, name), { bigint: true });
      expect([...night].find(([path]) => path.endsWith(`/${name}`))?.[1].mtimeNs).toBe(mtimeNs);
    }
  }
});
