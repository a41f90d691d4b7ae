import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { tempDir } from '../../support/cleanup.js';
import { readTree, type TreeEntry } from '../../support/tree.js';
import { commandSource, directorySource, pack } from '../packing.js';
import { edit, random } from './edits.js';
import { restored, type Restored } from './restored.js';

const NIGHTS = 12;
const KEY = Buffer.alloc(32, 7);

/** As a tree on disk is described, so that both can be compared. */
function described(night: ReadonlyMap<string, Restored>, source: string): Map<string, Omit<TreeEntry, 'linkedWith'>> {
  const described = new Map<string, Omit<TreeEntry, 'linkedWith'>>();
  for (const [path, entry] of night) {
    if (!path.startsWith(`data/${source}/`)) continue;
    const { content } = entry.type === 'hardlink' ? night.get(entry.target!)! : entry;
    const isFile = entry.type === 'file' || entry.type === 'hardlink';
    described.set(path.slice(`data/${source}/`.length), {
      type: isFile ? 'file' : (entry.type as 'directory' | 'symlink'),
      mode: entry.mode,
      mtimeNs: entry.mtimeNs,
      size: isFile ? content.length : 0,
      ...(isFile && { sha256: createHash('sha256').update(content).digest('hex') }),
      ...(entry.type === 'symlink' && { linkTarget: entry.target! }),
    });
  }
  return described;
}

async function onDisk(directory: string): Promise<Map<string, Omit<TreeEntry, 'linkedWith'>>> {
  const entries = await readTree(directory);
  return new Map(
    [...entries].map(([path, { linkedWith, ...entry }]) => [path, linkedWith === undefined ? entry : entry]),
  );
}

describe('twelve nights of a random tree', () => {
  test.each(Array.from({ length: Number(process.env.SEEDS ?? 8) }, (_, seed) => seed + 1))(
    'each increment, with those before it, gives exactly the dataset of its night (seed %i)',
    async (seed) => {
      const next = random(seed);
      // Files are too young to be trusted by their times, unless the clock is ahead.
      const { now } = Date;
      if (seed % 2 === 1) vi.spyOn(Date, 'now').mockImplementation(() => now() + 600_000);
      onTestFinished(() => void vi.restoreAllMocks());
      const root = tempDir('nights');
      const tree = join(root, 'tree');
      const output = join(root, 'output');
      mkdirSync(tree);
      const sources = [
        directorySource(tree, { allowEmpty: true }),
        commandSource(['cat', output], { name: 'aaa', allowEmpty: true }),
      ];
      const archives: Buffer[] = [];
      const deposits: { depositId: string; bytes: number; sha256: string }[] = [];
      for (let night = 0; night < NIGHTS; night++) {
        edit(tree, next, night === 0 ? 60 : Math.floor(next() * 14));
        writeFileSync(output, Buffer.alloc(Math.floor(next() * 40_000), `night ${Math.floor(night / 3)}\n`));
        const before = await onDisk(tree);
        const depositId = `x${night}`;
        const { tar, summary } = await pack(sources, {
          depositId,
          chain: {
            index: join(root, `${night}.index`),
            key: KEY,
            recipients: ['A'],
            reread: next() < 0.1,
            startedAt: '2026-11-22T00:30:00Z',
            base: night === 0 ? null : { index: join(root, `${night - 1}.index`), deposits: [...deposits] },
          },
        });
        expect(summary.chain).toMatchObject({ number: night, whyFull: null });
        archives.push(tar);
        deposits.push({
          depositId,
          bytes: tar.length,
          sha256: createHash('sha256').update(tar).digest('hex'),
        });
        const now = restored(archives);
        expect(described(now, 'tree'), `night ${night}`).toEqual(before);
        expect(now.get('data/aaa')?.content.equals(readFileSync(output)), 'the output').toBe(true);
        expect(summary.chain?.entries, 'entries').toBe(now.size);
      }
    },
  );
});
