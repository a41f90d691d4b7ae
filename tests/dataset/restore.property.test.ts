import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { assemble } from '../../src/dataset/assemble/assemble.js';
import { tempDir } from '../support/cleanup.js';
import { unpack } from '../support/extraction.js';
import { restorable } from '../support/tree.js';
import { checked } from './increment/checked.js';
import { edit, random } from './increment/edits.js';
import { commandSource, directorySource, pack } from './packing.js';

const NIGHTS = 8;
/** In the order of the configuration, which is not that of their bytes. */
const sources = ['ünder', 'éven'] as const;

/** Opens the chain to this night, and returns where it is and what it said of itself. */
function restore(archives: readonly Buffer[]) {
  const out = join(tempDir('restored'), 'out');
  const work = join(out, '.depot-work');
  mkdirSync(work, { recursive: true });
  archives.forEach((tar, night) => {
    const directory = night === 0 ? out : join(work, String(night));
    mkdirSync(directory, { recursive: true });
    unpack(tar, directory);
  });
  const increments = archives.length - 1;
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const done = assemble({ directory: out, work, increments, sources: [...sources], warn, progress: () => undefined });
  expect(warnings).toEqual([]);
  return { out, done };
}

describe('every night of a chain that depot packed', () => {
  test.each([1, 2, 3, 4])('is restored exactly (seed %i)', async (seed) => {
    const next = random(seed * 7919);
    // Files are too young to be trusted by their times, unless the clock is ahead.
    const { now } = Date;
    if (seed % 2 === 1) vi.spyOn(Date, 'now').mockImplementation(() => now() + 600_000);
    onTestFinished(() => void vi.restoreAllMocks());
    const root = tempDir('nights');
    const tree = join(root, 'tree');
    const output = join(root, 'output');
    mkdirSync(tree);
    const archives: Buffer[] = [];
    const deposits: { depositId: string; bytes: number; sha256: string }[] = [];
    for (let night = 0; night < NIGHTS; night++) {
      edit(tree, next, night === 0 ? 60 : Math.floor(next() * 20));
      writeFileSync(output, Buffer.alloc(Math.floor(next() * 40_000), `night ${Math.floor(night / 3)}\n`));
      const depositId = `acme-crm_20261122T0030${String(night).padStart(2, '0')}Z_5f0c9a1e77b2d410`;
      const { tar, summary } = await pack(
        [
          directorySource(tree, { name: sources[0], allowEmpty: true }),
          commandSource(['cat', output], { name: sources[1], allowEmpty: true }),
        ],
        {
          depositId,
          chain: {
            index: join(root, `${night}.index`),
            key: Buffer.alloc(32, 7),
            recipients: ['A'],
            reread: false,
            startedAt: '2026-11-22T00:30:00Z',
            base: night === 0 ? null : { index: join(root, `${night - 1}.index`), deposits: [...deposits] },
          },
        },
      );
      archives.push(tar);
      deposits.push({
        depositId,
        bytes: tar.length,
        sha256: createHash('sha256').update(tar).digest('hex'),
      });
      if (night === 0) continue;
      const { out, done } = restore(archives);
      expect(await restorable(join(out, 'data', sources[0])), `night ${night}`).toEqual(await restorable(tree));
      expect(readFileSync(join(out, 'data', sources[1])).equals(readFileSync(output))).toBe(true);
      const { entries, bytes, datasetSha256 } = summary.chain!;
      expect(done).toEqual({
        entries,
        bytes,
        datasetSha256,
        complete: true,
        incomplete: { withMissingBytes: 0, maybeOutdated: 0 },
      });
      expect(checked(archives, sources)).toEqual({ entries, bytes, datasetSha256, complete: true });
    }
  });
});
