import type * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { depotTar } from '../support/depot-tar.js';
import { extract, sandbox } from '../support/extraction.js';
import { archive, raw } from '../support/hostile-tar.js';

// A file system that ignores case in names, as exFAT, NTFS and APFS do.
vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  const there = (path: string): string => {
    const same = real.readdirSync(dirname(path)).find((name) => name.toLowerCase() === basename(path).toLowerCase());
    return same === undefined ? path : join(dirname(path), same);
  };
  return {
    ...real,
    openSync: (path: string, ...rest: [string]) => real.openSync(there(path), ...rest),
    lstatSync: (path: string, ...rest: [object]) => real.lstatSync(there(path), ...rest),
    symlinkSync: (target: string, path: string) => {
      real.symlinkSync(target, there(path));
    },
    linkSync: (target: string, path: string) => {
      real.linkSync(there(target), there(path));
    },
  };
});

const file = (name: string) => raw({ name, body: 'x' });
const hint =
  'choose an --out directory on a file system that tells them apart, such as ext4, XFS or a case-sensitive APFS';

test.each([
  ['two files', archive(file('Read.me'), file('README'), file('read.ME'))],
  ['a link and a file', archive(file('a'), raw({ name: 'A', type: '2', link: 'x' }))],
  [
    'a hard link and a file',
    archive(file('a'), raw({ name: 'x/b', body: '' }), raw({ name: 'A', type: '1', link: 'x/b' })),
  ],
  ['a file and a directory', archive(file('a'), file('A/b'))],
  [
    'two directories of depot',
    depotTar([
      { path: 'data/a', type: 'directory' },
      { path: 'data/A', type: 'directory' },
    ]).tar,
  ],
])('%s whose names differ only in case: the error blames the file system, not the maker of the archive', (_, tar) => {
  expect(() => extract(tar, sandbox().out)).toThrow(
    expect.objectContaining({
      code: 'archive-refused',
      message: expect.stringMatching(
        /^an entry's name is taken by another one that differs from it, but not on this file system/,
      ),
      hint,
    }),
  );
});

test('the exact same name twice is still called something that no honest tool makes', () => {
  expect(() => extract(archive(file('a'), file('a')), sandbox().out)).toThrow(
    expect.objectContaining({
      message: "an entry's name is taken by an earlier one: a",
      hint: expect.stringContaining('no other tool'),
    }),
  );
});
