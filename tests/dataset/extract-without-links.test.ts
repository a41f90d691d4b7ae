import type * as fs from 'node:fs';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { extract, sandbox } from '../support/extraction.js';
import { archive, raw } from '../support/hostile-tar.js';

// As FAT and some network shares: no links, and only the modes that Windows has.
vi.mock('node:fs', async (original) => {
  const unable = (): never => {
    throw Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
  };
  return {
    ...(await original<typeof fs>()),
    linkSync: unable,
    symlinkSync: unable,
    chmodSync: unable,
    fchmodSync: unable,
  };
});

const tar = archive(
  raw({ name: 'file', body: 'contents', mode: 0o640, mtime: 1_500_000_000 }),
  raw({ name: 'hard', type: '1', link: 'file', mtime: 1_500_000_000 }),
  raw({ name: 'soft', type: '2', link: '../\x1b[2J' }),
  raw({ name: 'directory/', type: '5', mtime: 1_500_000_000 }),
);

test('without links and modes, a hard link becomes a copy, and depot reports what it could not restore', () => {
  const { out } = sandbox();
  expect(extract(tar, out)).toMatchObject({
    warnings: [
      'this file system cannot keep the modes and times of all entries',
      'symlinks cannot be made here: soft would point to ../\\x1b[2J',
    ],
  });
  expect(readdirSync(out).sort()).toEqual(['NOT-AS-IN-THE-ARCHIVE.txt', 'directory', 'file', 'hard']);
  expect(readFileSync(join(out, 'NOT-AS-IN-THE-ARCHIVE.txt'), 'utf8')).toBe(
    'symlinks cannot be made here: soft would point to ../\\x1b[2J\n',
  );
  expect(lstatSync(join(out, 'directory')).mtimeMs).toBe(1_500_000_000_000);
  expect(readFileSync(join(out, 'hard'), 'utf8')).toBe('contents');
  expect(lstatSync(join(out, 'hard'))).toMatchObject({ mtimeMs: 1_500_000_000_000, nlink: 1 });
});

test('a link whose name has blanks is named in quotes', () => {
  const { out } = sandbox();
  extract(archive(raw({ name: 'a would point to b', type: '2', link: "it's" })), out);
  expect(readFileSync(join(out, 'NOT-AS-IN-THE-ARCHIVE.txt'), 'utf8')).toBe(
    "symlinks cannot be made here: 'a would point to b' would point to 'it'\\''s'\n",
  );
});

test('copies of hard links count towards the size limit, since the archive does not grow with them', () => {
  extract(tar, sandbox().out, { maxBytes: 16 });
  expect(() => extract(tar, sandbox().out, { maxBytes: 15 })).toThrow(
    expect.objectContaining({ code: 'archive-refused', message: 'the archive unfolds to more than 15 bytes' }),
  );
});

test('after 1,000 warnings, no more are listed', () => {
  const many = Array.from({ length: 1500 }, (_, i) => raw({ name: `l${i}`, type: '2', link: 'x' }));
  const { warnings } = extract(archive(...many), sandbox().out);
  expect(warnings).toHaveLength(1001);
  expect(warnings.at(-1)).toBe('there is more like this, not listed');
});
