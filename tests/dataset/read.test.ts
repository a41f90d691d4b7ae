import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TarReader } from '../../src/dataset/tar/read.js';
import type { TarEntry } from '../../src/dataset/tar/format.js';
import { makeAwkward } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { extract, inPieces, sandbox } from '../support/extraction.js';
import { archive, END, GNU, long, pax, raw } from '../support/hostile-tar.js';
import { peer } from '../support/peers.js';
import { differences } from '../support/tree.js';

/** Everything that the reader reports of an archive, as text. */
function listing(tar: Uint8Array, pieces = tar.length): string[] {
  const lines: string[] = [];
  const reader = new TarReader({
    begin: (entry) => lines.push(describeEntry(entry)),
    data: (bytes) => lines.push((lines.pop() ?? '') + Buffer.from(bytes).toString('latin1')),
    end: () => lines.push((lines.pop() ?? '') + ' .'),
  });
  for (const piece of inPieces(tar, pieces)) reader.write(piece);
  reader.end();
  return lines;
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function describeEntry({ type, path, size, mode, mtimeNs, linkTarget }: TarEntry): string {
  return `${type} ${latin1(path)}${linkTarget === null ? '' : ` -> ${latin1(linkTarget)}`} ${size} ${mode.toString(8)} ${mtimeNs} `;
}

test('entries are read the same, whatever the size of the pieces', () => {
  const tar = archive(
    pax({ path: Buffer.from('d\xe9/x', 'latin1'), hdrcharset: 'BINARY', mtime: '1700000000.123456789' }),
    raw({ name: 'short', body: 'hello' }),
    raw({ name: 'd/', type: '5', mode: 0o750 }),
    long('n'.repeat(150)),
    raw({ name: 'short', magic: GNU, body: 'x'.repeat(600) }),
    raw({ name: 'l', type: '2', link: '../elsewhere' }),
    raw({ name: 'empty' }),
  );
  const expected = [
    'file d\xe9/x 5 644 1700000000123456789 hello .',
    'directory d 0 750 1700000000000000000  .',
    `file ${'n'.repeat(150)} 600 644 1700000000000000000 ${'x'.repeat(600)} .`,
    'symlink l -> ../elsewhere 0 644 1700000000000000000  .',
    'file empty 0 644 1700000000000000000  .',
  ];
  for (const pieces of [1, 2, 7, 511, 512, 513, 1024, 5000, tar.length])
    expect(listing(tar, pieces), `${pieces}`).toEqual(expected);
});

test.each<[string, Buffer, string]>([
  [
    'a seventh-edition header',
    raw({ name: 'a', type: '\0', magic: '', prefix: 'not a prefix' }),
    'file a 0 644 1700000000000000000  .',
  ],
  [
    'a seventh-edition directory',
    raw({ name: 'a/', type: '\0', magic: '' }),
    'directory a 0 644 1700000000000000000  .',
  ],
  [
    'what GNU keeps in the prefix field',
    raw({ name: 'a', magic: GNU, prefix: '14371451' }),
    'file a 0 644 1700000000000000000  .',
  ],
  ['a prefix', raw({ name: 'a', prefix: 'p/q' }), 'file p/q/a 0 644 1700000000000000000  .'],
  [
    'a name of 100 bytes without NUL',
    raw({ name: 'n'.repeat(100) }),
    `file ${'n'.repeat(100)} 0 644 1700000000000000000  .`,
  ],
  ['a contiguous file', raw({ name: 'a', type: '7' }), 'file a 0 644 1700000000000000000  .'],
  [
    'numbers with spaces around',
    raw({ name: 'a', mode: '   755 \0', mtime: '          7 ' }),
    'file a 0 755 7000000000  .',
  ],
  [
    'numbers with no digit',
    raw({ name: 'a', mode: '       \0', mtime: '\0'.repeat(12), size: '\0' }),
    'file a 0 0 0  .',
  ],
  ['a time before 1970 in base 256', raw({ name: 'a', mtime: Buffer.alloc(12, 0xff) }), 'file a 0 644 -1000000000  .'],
  ['modes with more than permissions', raw({ name: 'a', mode: 0o106755 }), 'file a 0 6755 1700000000000000000  .'],
  [
    'a checksum of signed bytes',
    raw({ name: Buffer.from('\xe9\xe9', 'latin1'), checksumOff: -512 }),
    'file \xe9\xe9 0 644 1700000000000000000  .',
  ],
  [
    './, doubled slashes and dots between, as tar writes them when it is told so, as the one path that they are',
    raw({ name: './a//b/././c' }),
    'file a/b/c 0 644 1700000000000000000  .',
  ],
  ['the directory a/. of tar -c a/.', raw({ name: 'a/./', type: '5' }), 'directory a 0 644 1700000000000000000  .'],
  [
    'a hard link to another spelling',
    raw({ name: './b', type: '1', link: './a//x' }),
    'hardlink b -> a/x 0 644 1700000000000000000  .',
  ],
  ['the root', raw({ name: './', type: '5' }), 'directory  0 644 1700000000000000000  .'],
  ['a directory with several slashes', raw({ name: 'a///', type: '5' }), 'directory a 0 644 1700000000000000000  .'],
  [
    'a time before 1970 in pax',
    Buffer.concat([pax({ mtime: '-0.5' }), raw({ name: 'a' })]),
    'file a 0 644 -500000000  .',
  ],
  [
    'a pax time finer than nanoseconds',
    Buffer.concat([pax({ mtime: '1.0000000019' }), raw({ name: 'a' })]),
    'file a 0 644 1000000001  .',
  ],
  [
    'a negative one, rounded down',
    Buffer.concat([pax({ mtime: '-1.0000000011' }), raw({ name: 'a' })]),
    'file a 0 644 -1000000002  .',
  ],
  [
    'a pax size over a size of 0',
    Buffer.concat([pax({ size: '3' }), raw({ name: 'a', size: 0, body: 'abc' })]),
    'file a 3 644 1700000000000000000 abc .',
  ],
  [
    'an empty pax value, which takes an earlier one back',
    Buffer.concat([pax({ size: '', mtime: '' }), raw({ name: 'a' })]),
    'file a 0 644 1700000000000000000  .',
  ],
  [
    'pax keywords of others',
    Buffer.concat([pax({ 'SCHILY.xattr.user.x': 'y', comment: 'a=b\nc' }), raw({ name: 'a' })]),
    'file a 0 644 1700000000000000000  .',
  ],
  [
    'a global time',
    Buffer.concat([pax({ mtime: '5', comment: 'x' }, 'g'), raw({ name: 'a' })]),
    'file a 0 644 5000000000  .',
  ],
  [
    'the same long name from pax and GNU',
    Buffer.concat([long('same'), pax({ path: 'same' }), raw({ name: 'a' })]),
    'file same 0 644 1700000000000000000  .',
  ],
  [
    'a long link target',
    Buffer.concat([long('t'.repeat(200), 'K'), raw({ name: 'a', type: '2', link: 't', magic: GNU })]),
    `symlink a -> ${'t'.repeat(200)} 0 644 1700000000000000000  .`,
  ],
])('takes %s', (_, entry, expected) => {
  expect(listing(archive(entry))).toEqual([expected]);
});

test('sizes over 8 GiB are read, both in base 256 and from pax', () => {
  const sizes: number[] = [];
  for (const header of [
    raw({ size: Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 2, 0x40, 0, 0, 1]) }),
    Buffer.concat([pax({ size: '9663676417' }), raw({})]),
  ]) {
    new TarReader({ begin: ({ size }) => sizes.push(size), data: () => undefined, end: () => undefined }).write(header);
  }
  expect(sizes).toEqual([9_663_676_417, 9_663_676_417]);
});

test('an archive may have no entries, and any number of zeros after its end', () => {
  expect(listing(END)).toEqual([]);
  expect(listing(Buffer.concat([archive(raw({ name: 'a' })), Buffer.alloc(10_240 + 7)]), 1000)).toHaveLength(1);
});

test('an error that the sink throws is passed on unchanged', () => {
  const error = new Error('mine');
  const reader = new TarReader({
    begin: () => {
      throw error;
    },
    data: () => undefined,
    end: () => undefined,
  });
  expect(() => reader.write(raw({}))).toThrow(error);
});

describe('an archive from another tool is extracted unchanged:', () => {
  const source = tempDir('depot-awkward');
  makeAwkward(source);
  const plain = tempDir('depot-plain');
  makePlain(plain);
  const python = (format: string) =>
    `import os, sys, tarfile; t = tarfile.open(sys.argv[1], 'w', format=tarfile.${format}); t.add('.'); t.close()`;
  const seconds = ['mtime'] as const;
  const tools: {
    program: 'tar' | 'bsdtar' | 'python3';
    name: string;
    args: (tar: string) => string[];
    from?: string;
    ignore?: readonly 'mtime'[];
  }[] = [
    { program: 'tar', name: 'GNU tar, pax', args: (tar) => ['--format=pax', '-cf', tar, '.'] },
    {
      program: 'tar',
      name: 'GNU tar, its own format',
      args: (tar) => ['--format=gnu', '-cf', tar, '.'],
      ignore: seconds,
    },
    { program: 'tar', name: 'GNU tar, old', args: (tar) => ['--format=oldgnu', '-cf', tar, '.'], ignore: seconds },
    {
      program: 'tar',
      name: 'GNU tar, ustar',
      args: (tar) => ['--format=ustar', '-cf', tar, '.'],
      from: plain,
      ignore: seconds,
    },
    {
      program: 'tar',
      name: 'GNU tar, v7',
      args: (tar) => ['--format=v7', '-cf', tar, '.'],
      from: plain,
      ignore: seconds,
    },
    {
      program: 'tar',
      name: 'GNU tar, names in order and no parents',
      args: (tar) => [
        '-cf',
        tar,
        '--no-recursion',
        './deep/er/file',
        './deep/er/other',
        './deep',
        './deep/er',
        './file',
        './link',
        './wide',
      ],
      from: plain,
      ignore: seconds,
    },
    { program: 'bsdtar', name: 'bsdtar, pax', args: (tar) => ['--format', 'pax', '-cf', tar, '.'], ignore: seconds },
    {
      program: 'bsdtar',
      name: 'bsdtar, ustar',
      args: (tar) => ['--format', 'ustar', '-cf', tar, '.'],
      from: plain,
      ignore: seconds,
    },
    { program: 'python3', name: 'Python, pax', args: (tar) => ['-c', python('PAX_FORMAT'), tar] },
    { program: 'python3', name: 'Python, GNU', args: (tar) => ['-c', python('GNU_FORMAT'), tar], ignore: seconds },
  ];

  test.skipIf(['tar', 'bsdtar', 'python3'].some((name) => peer(name as 'tar') === undefined)).each(tools)(
    '$name',
    async ({ program, args, from = source, ignore = [] }) => {
      const tar = join(tempDir(), 'made.tar');
      execFileSync(peer(program)!, args(tar), { cwd: from, env: { ...process.env, LC_ALL: 'C.UTF-8' } });
      const { out } = sandbox();
      const result = extract(readFileSync(tar), out, { pieces: 100_000 });
      expect(await differences(from, out, { ignore: [...ignore] })).toEqual([]);
      expect(result).toMatchObject({
        manifest: { manifest: 'none', manifestSha256: null, problems: [] },
        warnings: [],
      });
    },
  );
});

/** What even the oldest formats hold. */
function makePlain(directory: string): void {
  mkdirSync(join(directory, 'deep/er'), { recursive: true });
  mkdirSync(join(directory, 'wide'));
  for (const name of ['file', 'deep/er/file', 'deep/er/other']) writeFileSync(join(directory, name), name.repeat(100));
  symlinkSync('file', join(directory, 'link'));
  for (const name of ['file', 'deep/er/file', 'deep/er', 'deep'])
    utimesSync(join(directory, name), 1_600_000_000, 1_600_000_000);
}
