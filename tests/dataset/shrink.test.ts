/** A dataset against the last one, and what exclude leaves out. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasShrunk } from '../../src/dataset/sources.js';
import { tempDir } from '../support/cleanup.js';
import { directorySource, pack } from './packing.js';

const previous = { depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410', entries: 3000, bytes: 600_000 };

test.each<[string, { entries: number; bytes: number }, number, boolean]>([
  ['as large as before', { entries: 3000, bytes: 600_000 }, 0.5, false],
  ['half of it', { entries: 1500, bytes: 300_000 }, 0.5, false],
  ['less than half of the bytes', { entries: 3000, bytes: 299_999 }, 0.5, true],
  ['less than half of the entries', { entries: 1499, bytes: 600_000 }, 0.5, true],
  ['one entry less, where nothing may go', { entries: 2999, bytes: 600_000 }, 1, true],
  ['larger', { entries: 9000, bytes: 1_600_000 }, 1, false],
])('%s', (_what, now, below, shrunk) => {
  expect(hasShrunk(now, { previous, below })).toBe(shrunk);
});

function tree(): string {
  const directory = tempDir('depot-shrink');
  mkdirSync(join(directory, 'cache'));
  for (const [name, size] of [
    ['a.csv', 5],
    ['b.tmp', 1000],
    ['c.tmp', 24],
    ['cache/x', 9],
  ] as const)
    writeFileSync(join(directory, name), Buffer.alloc(size));
  return directory;
}

describe('packing a dataset', () => {
  test('warns if it shrank, with entries and bytes of both datasets', async () => {
    const { warnings } = await pack([directorySource(tree())], { shrink: { previous, below: 0.5, then: 'warn' } });
    expect(warnings).toEqual([
      `the dataset shrank: it has 6 entries and 1,038 bytes, and the last deposit, ${previous.depositId}, had 3,000 entries and 600,000 bytes`,
    ]);
  });

  test('fails if it shrank and the configuration says so, and warns of nothing if it did not', async () => {
    const source = directorySource(tree());
    await expect(pack([source], { shrink: { previous, below: 0.5, then: 'fail' } })).rejects.toMatchObject({
      code: 'source-shrunk',
      exit: 3,
      message: expect.stringContaining('6 entries and 1,038 bytes') as string,
    });
    const { warnings } = await pack([source], {
      shrink: { previous: { ...previous, entries: 6, bytes: 1038 }, below: 1, then: 'fail' },
    });
    expect(warnings).toEqual([]);
  });

  test('counts what is excluded, and names the patterns that matched nothing', async () => {
    const { summary, warnings } = await pack([
      directorySource(tree(), { exclude: ['*.tmp', 'cache/', '**/*.bak', 'b.*'] }),
    ]);
    expect(summary).toMatchObject({ entries: 2, bytes: 5, excluded: { files: 2, directories: 1, bytes: 1024 } });
    expect(summary.excluded.patterns).toEqual([
      { source: 'tree', pattern: '*.tmp', files: 2, directories: 0, bytes: 1024 },
      { source: 'tree', pattern: 'cache/', files: 0, directories: 1, bytes: 0 },
      { source: 'tree', pattern: '**/*.bak', files: 0, directories: 0, bytes: 0 },
      { source: 'tree', pattern: 'b.*', files: 0, directories: 0, bytes: 0 },
    ]);
    expect(warnings).toEqual(['source tree: the exclude pattern "**/*.bak" matched nothing']);
  });
});
