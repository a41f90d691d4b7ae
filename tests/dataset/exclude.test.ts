import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromText, type ByteString } from '../../src/dataset/bytestring.js';
import { excluder, unusedWords } from '../../src/dataset/exclude.js';

const nowhere = fromText(join(tmpdir(), 'depot-nowhere'));

function excludes(pattern: string, path: ByteString, isDirectory = false, platform?: NodeJS.Platform): boolean {
  return excluder([pattern], nowhere, platform)!.excludes(path, isDirectory) !== null;
}

describe('a pattern', () => {
  test.each([
    ['**/*.tmp', 'a.tmp', true],
    ['**/*.tmp', 'x/y/a.tmp', true],
    ['**/*.tmp', 'x/a.tmp/b', false],
    ['*.tmp', 'a.tmp', true],
    ['*.tmp', 'x/a.tmp', false],
    ['cache/**', 'cache', true],
    ['cache/**', 'cache/x', true],
    ['/top.txt', 'top.txt', true],
    ['/top.txt', 'x/top.txt', false],
    ['./top.txt', 'top.txt', true],
    ['**/.git', 'x/.git', true],
    ['**/*', '.hidden', true],
    ['file[0-9].{csv,json}', 'file3.json', true],
    ['a?c', 'abc', true],
    ['!keep', 'other', false],
    ['!keep', '!keep', true],
    ['A.txt', 'a.txt', false],
  ])('%s matches %s: %s', (pattern, path, expected) => {
    expect(excludes(pattern, fromText(path))).toBe(expected);
  });

  test('that ends in a slash matches directories only', () => {
    expect(excludes('**/cache/', fromText('x/cache'), true)).toBe(true);
    expect(excludes('**/cache/', fromText('x/cache'), false)).toBe(false);
  });

  test('matches names as text, and those that are not UTF-8 as ISO 8859-1', () => {
    expect(excludes('caf?.txt', fromText('café.txt'))).toBe(true);
    expect(excludes('café.txt', fromText('café.txt'))).toBe(true);
    expect(excludes('café.txt', 'caf\xe9.txt' as ByteString)).toBe(true);
  });
});

describe('a backslash', () => {
  test.each([
    ['cache\\*.tmp', 'cache/a.tmp', false],
    ['**\\cache\\', 'x/cache', true],
    ['.\\top.txt', 'top.txt', false],
    ['\\top.txt', 'top.txt', false],
    ['mixed\\a/b', 'mixed/a/b', false],
  ])('stands between names on Windows: %s matches %s', (pattern, path, isDirectory) => {
    expect(excludes(pattern, fromText(path), isDirectory, 'win32')).toBe(true);
    expect(excludes(pattern, fromText(path), isDirectory, 'linux')).toBe(false);
  });

  test('takes its meaning from a sign elsewhere', () => {
    expect(excludes('a\\*b', fromText('a*b'), false, 'linux')).toBe(true);
    expect(excludes('a\\*b', fromText('axb'), false, 'linux')).toBe(false);
  });

  test('that makes a pattern match nothing is named where it does not stand between names', () => {
    expect(unusedWords({ pattern: 'cache\\*', deeper: false }, 'linux')).toBe(
      String.raw`the exclude pattern "cache\\*" matched nothing; write / between names, and not \ `.trim(),
    );
    expect(unusedWords({ pattern: 'cache\\*', deeper: false }, 'win32')).toBe(
      String.raw`the exclude pattern "cache\\*" matched nothing`,
    );
    expect(unusedWords({ pattern: 'cache/*', deeper: false }, 'linux')).toBe(
      'the exclude pattern "cache/*" matched nothing',
    );
  });
});

test.each<[string, string, NodeJS.Platform?]>([
  ['cache', ''],
  ['**/*.tmp', ''],
  ['**', ''],
  ['/srv/crm/cache', "; patterns are relative to the source's directory"],
  [String.raw`D:\crm\cache`, "; patterns are relative to the source's directory", 'win32'],
  ['!keep.tmp', '; ! does not re-include anything here'],
])('of %s, which matched nothing, it says what may have been meant', (pattern, hint, platform = 'linux') => {
  expect(unusedWords({ pattern, deeper: false }, platform)).toBe(
    `the exclude pattern ${JSON.stringify(pattern)} matched nothing${hint}`,
  );
});

test('without patterns there is no excluder', () => {
  expect(excluder([], nowhere)).toBeNull();
});

test('a name that matches any of several patterns is excluded', () => {
  const isExcluded = excluder(['*.a', '*.b'], nowhere)!;
  expect(['x.a', 'x.b', 'x.c'].map((name) => isExcluded.excludes(name as ByteString, false))).toEqual([
    { pattern: '*.a', files: 0, directories: 0, bytes: 0 },
    { pattern: '*.b', files: 0, directories: 0, bytes: 0 },
    null,
  ]);
});

test('a pattern that matched nothing is reported as unused; one whose matches another pattern excludes too is not', () => {
  const exclude = excluder(['*.tmp', 'a.*', 'nothing', 'dir/'], nowhere)!;
  for (const name of ['a.tmp', 'b.tmp', 'dir']) exclude.excludes(name as ByteString, false);
  expect(exclude.unused()).toEqual([
    { pattern: 'nothing', deeper: false },
    { pattern: 'dir/', deeper: false },
  ]);
});

test.each([
  ['*.tmp', ['x/a.tmp'], true],
  ['cache/', ['x/cache'], true],
  ['!(keep).tmp', ['x/a.tmp'], true],
  ['*.tmp', ['x/a.tmpl', 'y'], false],
  ['cache/', ['x/cached'], false],
  ['x/*.tmp', ['y/x/a.tmp'], false],
])('of %s, which matched none of %j, it is known whether it would match further down: %s', (pattern, paths, deeper) => {
  const exclude = excluder([pattern], nowhere)!;
  for (const path of paths) expect(exclude.excludes(fromText(path), true)).toBeNull();
  expect(exclude.unused()).toEqual([{ pattern, deeper }]);
  expect(unusedWords({ pattern, deeper: true })).toBe(
    `the exclude pattern ${JSON.stringify(pattern)} matched nothing, did you mean ${JSON.stringify(`**/${pattern}`)}?`,
  );
});
