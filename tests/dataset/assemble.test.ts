import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assemble } from '../../src/dataset/assemble/assemble.js';
import { depotTar, type Member } from '../support/depot-tar.js';
import { sandbox, unpack } from '../support/extraction.js';
import { fileLine, incrementTar } from '../support/increment-tar.js';
import { crm, deposits, first, listing, type Night, refused, restore, sub } from './assembling.js';

describe('a chain is put together', () => {
  test('from whole files, removed ones, links, and what did not change', () => {
    const { out, done } = restore(first, [
      {
        steps: [
          { ...crm, mode: 0o750 },
          { path: 'data/crm/b', body: 'b of the second', mode: 0o640 },
          { path: 'data/crm/link', type: 'symlink', link: '../../outside' },
          { path: 'data/crm/new', type: 'directory' },
          { path: 'data/crm/new/name with \n', body: 'new' },
          sub,
          { line: 'data/crm/sub/x -' },
        ],
      },
      {
        steps: [
          crm,
          { path: 'data/crm/new', type: 'directory', mode: 0o555 },
          { path: 'data/crm/new/more', body: '!' },
        ],
      },
    ]);
    expect(listing(out)).toEqual({
      'data/crm': '755',
      'data/crm/a': '644 a of the first',
      'data/crm/b': '640 b of the second',
      'data/crm/link': '-> ../../outside',
      'data/crm/new': '555',
      'data/crm/new/more': '644 !',
      'data/crm/new/name with \n': '644 new',
      'data/crm/sub': '700',
      'data/dump': `644 ${'0123456789'.repeat(50)}`,
    });
    expect(readdirSync(out).sort()).toEqual(['DEPOT', 'data']);
    expect(readdirSync(join(out, 'DEPOT')).sort()).toEqual([
      'README.md',
      'chain.json',
      'manifest.ndjson',
      'restore.sh',
    ]);
    expect(done).toMatchObject({ entries: 9, bytes: 14 + 15 + 1 + 3 + 500, complete: true });
    expect(statSync(join(out, 'data/crm')).mtimeMs).toBe(1_700_000_000_000);
  });

  test('from ranges of the full deposit, of pieces, and of files of other nights', () => {
    const changed = `${'0123456789'.repeat(20)}NEW${'0123456789'.repeat(30)}b of the second`;
    const again = `NEW${changed.slice(0, 7)}MORE${changed.slice(7)}`;
    const { out } = restore(first, [
      {
        pieces: Buffer.from('xxNEWyy'),
        ranges: '> 1\n@ 0 0 data/dump\n0 0 200\n@ 1 1 DEPOT/pieces\n1 2 3\n0 0 300\n@ 2 1 data/crm/b\n2 0 15\n',
        partBytes: 7,
        steps: [crm, { path: 'data/crm/b', body: 'b of the second' }, fileLine('data/dump', changed, 'r 1')],
      },
      {
        pieces: Buffer.from('MORE'),
        ranges: `> 1\n@ 0 1 DEPOT/pieces\n0 2 3\n> 2\n@ 0 1 DEPOT/pieces\n0 2 3\n@ 1 0 data/dump\n1 0 7\n@ 2 2 DEPOT/pieces\n2 0 4\n1 0 193\n0 -3 3\n1 0 300\n@ 3 1 data/crm/b\n3 0 15\n`,
        steps: [crm, fileLine('data/crm/only', 'NEW', 'r 1'), fileLine('data/dump', again, 'r 2')],
      },
    ]);
    expect(listing(out)).toMatchObject({
      'data/crm/b': '644 b of the second',
      'data/crm/only': '644 NEW',
      'data/dump': `644 ${again}`,
    });
  });

  test('from objects of any night, also when what they were is gone, or its names are exchanged', () => {
    const { out } = restore(first, [
      {
        pieces: Buffer.from('all of it'),
        steps: [
          crm,
          fileLine('data/crm/a', 'b of the first', 'o 0 data/crm/b'),
          fileLine('data/crm/b', 'a of the first', 'o 0 data/crm/a'),
          { line: 'data/crm/sub -' },
          { line: 'data/crm/sub/x -' },
          { path: 'data/crm/z', type: 'directory' },
          fileLine('data/crm/z/empty', '', 'r 1'),
          fileLine('data/crm/z/x', 'x of the first', 'o 0 data/crm/sub/x'),
          fileLine('data/crm/z/y', 'all of it', 'o 1 DEPOT/pieces'),
        ],
        ranges: '> 1\n',
      },
    ]);
    expect(listing(out)).toMatchObject({
      'data/crm/a': '644 b of the first',
      'data/crm/b': '644 a of the first',
      'data/crm/z/empty': '644 ',
      'data/crm/z/x': '644 x of the first',
      'data/crm/z/y': '644 all of it',
    });
    expect(listing(out)).not.toHaveProperty('data/crm/sub');
  });

  test('where a directory becomes a file, and a file or a link a directory', () => {
    const { out } = restore(first, [
      {
        steps: [
          crm,
          { path: 'data/crm/a', type: 'directory' },
          { path: 'data/crm/a/in', body: 'in' },
          { path: 'data/crm/link', type: 'directory' },
          { path: 'data/crm/link/in', body: 'in' },
          { path: 'data/crm/sub', body: 'now a file' },
          { line: 'data/crm/sub/x -' },
        ],
      },
    ]);
    expect(listing(out)).toMatchObject({
      'data/crm/a/in': '644 in',
      'data/crm/link/in': '644 in',
      'data/crm/sub': '644 now a file',
    });
  });

  test('with hard links that lead to what their target became', () => {
    const linked: Member[] = [
      ...first.slice(0, 3),
      { path: 'data/crm/c', type: 'hardlink', link: 'data/crm/b' },
      ...first.slice(3),
    ];
    const { out } = restore(linked, [
      { steps: [crm, { path: 'data/crm/b', body: 'changed' }] },
      { steps: [crm, { line: 'data/crm/d h 0644 1700000000 data/crm/c' }] },
    ]);
    expect(listing(out)).toMatchObject({
      'data/crm/b': '644 changed',
      'data/crm/c': '644 changed',
      'data/crm/d': '644 changed',
    });
    expect(statSync(join(out, 'data/crm/b')).nlink).toBe(3);
  });

  test('from files that their owner may not read', () => {
    const { out } = restore(
      [crm, { path: 'data/crm/a', body: 'secret', mode: 0 }],
      [{ steps: [crm, { line: 'data/crm/a -' }, fileLine('data/crm/b', 'secret', 'o 0 data/crm/a')] }],
    );
    expect(listing(out)).toEqual({ 'data/crm': '755', 'data/crm/b': '644 secret' });
  });

  test('with the digest that the receipt has', () => {
    const { done } = restore([crm], [{ steps: [{ ...crm, mtimeNs: 5n }] }]);
    const fixed = Buffer.alloc(28);
    fixed.write('d');
    fixed.writeUInt16BE(0o755, 2);
    fixed.writeUInt32BE(5, 20);
    fixed.writeUInt32BE(8, 24);
    const all = Buffer.concat([Buffer.alloc(32, 0x5a), fixed, Buffer.from('data/crm')]);
    expect(done).toMatchObject({ entries: 1, datasetSha256: createHash('sha256').update(all).digest('hex') });
  });
});

describe('a chain is refused', () => {
  const ranged = (ranges: string, content = 'x'): Night[] => [
    { pieces: Buffer.from('0123456789'), ranges, steps: [crm, fileLine('data/crm/r', content, 'r 1')] },
  ];
  test.each<[string, Night[]]>([
    ['with an object that does not exist', [{ steps: [crm, fileLine('data/crm/n', 'x', 'o 0 data/crm/none')] }]],
    [
      'with an object of another size',
      [{ steps: [crm, fileLine('data/crm/n', 'longer than that', 'o 0 data/crm/a')] }],
    ],
    [
      'with an object of other contents',
      [{ steps: [crm, fileLine('data/crm/n', 'A of the first', 'o 0 data/crm/a')] }],
    ],
    ['with a directory as an object', [{ steps: [crm, fileLine('data/crm/n', '', 'o 0 data/crm/sub')] }]],
    ['with a symlink as an object', [{ steps: [crm, fileLine('data/crm/n', 'a of the first', 'o 0 data/crm/link')] }]],
    [
      'with an object that is made of ranges',
      [
        ...ranged('> 1\n@ 0 1 DEPOT/pieces\n0 0 1\n', '0'),
        { steps: [crm, fileLine('data/crm/s', '0', 'o 1 data/crm/r')] },
      ],
    ],
    ['without ranges', [{ steps: [crm, fileLine('data/crm/r', 'x', 'r 1')] }]],
    ['with ranges of another file', ranged('> 2\n@ 0 1 DEPOT/pieces\n0 0 1\n', '0')],
    ['with ranges that begin without a file', ranged('@ 0 1 DEPOT/pieces\n0 0 1\n', '0')],
    ['with ranges beyond their object', ranged('> 1\n@ 0 1 DEPOT/pieces\n0 9 2\n', '90')],
    ['with ranges before their object', ranged('> 1\n@ 0 1 DEPOT/pieces\n0 -1 2\n', '00')],
    [
      'with ranges far beyond what numbers hold',
      ranged('> 1\n@ 0 1 DEPOT/pieces\n0 9007199254740991 9007199254740991\n'),
    ],
    [
      'with ranges of an object that only the file before names',
      [
        {
          pieces: Buffer.from('0123456789'),
          ranges: '> 1\n@ 0 1 DEPOT/pieces\n0 0 1\n> 2\n0 0 1\n',
          steps: [crm, fileLine('data/crm/r', '0', 'r 1'), fileLine('data/crm/s', '1', 'r 2')],
        },
      ],
    ],
    ['with ranges that make too much', ranged('> 1\n@ 0 1 DEPOT/pieces\n0 0 10\n0 -10 10\n', '0123456789')],
    ['with ranges that make too little', ranged('> 1\n@ 0 1 DEPOT/pieces\n0 0 9\n', '0123456789')],
    ['with ranges that make something else', ranged('> 1\n@ 0 1 DEPOT/pieces\n0 5 1\n', '0')],
    ['with ranges of an object that is not named', ranged('> 1\n0 0 1\n', '0')],
    ['with ranges whose objects are not numbered one after the other', ranged('> 1\n@ 1 1 DEPOT/pieces\n1 0 1\n', '0')],
    ['with ranges of a later night', ranged('> 1\n@ 0 2 DEPOT/pieces\n0 0 1\n', '0')],
    ['with ranges of a sidecar', ranged('> 1\n@ 0 1 DEPOT/README.md\n0 0 1\n', 'w')],
    ['with ranges of the ranges', ranged('> 1\n@ 0 1 DEPOT/ranges\n0 0 1\n', '>')],
    ['with a hard link to a directory', [{ steps: [crm, { line: 'data/crm/t h 0644 1 data/crm/sub' }] }]],
    [
      'with a hard link to what is gone',
      [{ steps: [crm, { line: 'data/crm/a -' }, { line: 'data/crm/t h 0644 1 data/crm/a' }] }],
    ],
    ['with a hard link to a symlink', [{ steps: [crm, { line: 'data/crm/t h 0644 1 data/crm/link' }] }]],
  ])('%s', (_, nights) => {
    expect(() => restore(first, nights)).toThrow(refused);
  });

  test('when it claims more than is allowed, before anything is put together', () => {
    const huge = { line: `data/crm/r r 0644 1 1125899906842624 ${'0'.repeat(64)} 1` };
    const progress: number[] = [];
    const o = { maxBytes: 1_000_000, progress: (bytes: number) => void progress.push(bytes) };
    expect(() => restore(first, [{ pieces: Buffer.from('x'), ranges: '> 1\n', steps: [crm, huge] }], o)).toThrow(
      refused,
    );
    expect(progress).toEqual([]);
  });

  test('when it would lead through a link that somebody put there meanwhile', () => {
    const { out, directory } = sandbox();
    unpack(depotTar([crm, sub, { path: 'data/crm/sub/x', body: 'x' }]).tar, out);
    const work = join(out, '.depot-work');
    mkdirSync(join(work, '1'), { recursive: true });
    unpack(
      incrementTar({
        chain: { sources: ['crm'], deposits: deposits.slice(0, 1) },
        steps: [crm, sub, { line: 'data/crm/sub/x -' }],
      }),
      join(work, '1'),
    );
    const outside = join(directory, 'elsewhere');
    renameSync(join(out, 'data/crm/sub'), outside);
    symlinkSync(outside, join(out, 'data/crm/sub'));
    expect(() =>
      assemble({
        directory: out,
        work,
        increments: 1,
        sources: ['crm'],
        warn: () => undefined,
        progress: () => undefined,
      }),
    ).toThrow(refused);
    expect(readdirSync(outside)).toEqual(['x']);
  });
});
