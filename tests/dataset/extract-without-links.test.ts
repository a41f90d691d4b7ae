import type * as fs from 'node:fs';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { extract, sandbox } from '../support/extraction.js';
import { archive, raw } from '../support/hostile-tar.js';

// What FAT and some network shares answer: they have no links.
vi.mock('node:fs', async (original) => {
  const unable = (): never => {
    throw Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
  };
  return { ...(await original<typeof fs>()), linkSync: unable, symlinkSync: unable };
});

const tar = archive(raw({ name: 'file', body: 'contents', mode: 0o640, mtime: 1_500_000_000 }), raw({ name: 'hard', type: '1', link: 'file', mtime: 1_500_000_000 }), raw({ name: 'soft', type: '2', link: '../\x1b[2J' }));

test('where there are no links, a hard link becomes a copy, and a symlink is left out and told of', () => {
  const { out } = sandbox();
  expect(extract(tar, out)).toMatchObject({ notRestored: 1, warnings: ['symlinks cannot be made here: soft would point to ../\\x1b[2J'] });
  expect(readdirSync(out).sort()).toEqual(['file', 'hard']);
  expect(readFileSync(join(out, 'hard'), 'utf8')).toBe('contents');
  expect(lstatSync(join(out, 'hard'))).toMatchObject({ mode: 0o100640, mtimeMs: 1_500_000_000_000, nlink: 1 });
});

test('a copy counts as content', () => {
  expect(() => extract(tar, sandbox().out, { maxBytes: 8 + 4 + 4 + 4 + 4 + 7 })).toThrow(/unfolds to more than/);
});
