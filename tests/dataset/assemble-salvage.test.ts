import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Member } from '../support/depot-tar.js';
import { fileLine } from '../support/increment-tar.js';
import { crm, first, listing, type Night, restore } from './assembling.js';

describe('what can be had of a chain', () => {
  const nights: Night[] = [
    { steps: [crm, { path: 'data/crm/b', body: 'b of the second' }, { path: 'data/crm/new', body: 'new' }] },
    {
      pieces: Buffer.from('PIECE'),
      ranges: '> 1\n@ 0 2 DEPOT/pieces\n0 0 5\n@ 1 0 data/dump\n1 0 100\n> 2\n@ 0 2 DEPOT/pieces\n0 0 5\n',
      steps: [
        crm,
        { path: 'data/crm/last', body: 'last' },
        fileLine('data/crm/ranged', `PIECE${'0123456789'.repeat(10)}`, 'r 1'),
        fileLine('data/crm/same', 'b of the second', 'o 1 data/crm/b'),
        fileLine('data/crm/whole', 'PIECE', 'r 2'),
        { line: 'data/crm/zlink h 0644 1 data/crm/ranged' },
      ],
    },
  ];
  const depositIds = ['full', 'first', 'second'];
  const gaps = (out: string): string[] =>
    readFileSync(join(out, 'DEPOT/gaps.txt'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));

  test('without the full deposit: files with zeros, and a list of them', () => {
    const { out, done } = restore(first, nights, { salvage: { missing: [0], depositIds } });
    expect(listing(out)).toEqual({
      'data/crm': '755',
      'data/crm/b': '644 b of the second',
      'data/crm/last': '644 last',
      'data/crm/new': '644 new',
      'data/crm/ranged.incomplete': `644 PIECE${'\0'.repeat(100)}`,
      'data/crm/same': '644 b of the second',
      'data/crm/whole': '644 PIECE',
      'data/crm/zlink.incomplete': `644 PIECE${'\0'.repeat(100)}`,
    });
    expect(gaps(out)).toEqual(['data/crm/ranged 5 100 full', 'data/crm/zlink as data/crm/ranged']);
    expect(done.incomplete).toEqual({ withMissingBytes: 2, maybeOutdated: 0 });
  });

  test('without an increment: what it may have changed is not taken for what the night had', () => {
    const { out, done } = restore(first, nights, { salvage: { missing: [1], depositIds } });
    expect(listing(out)).toEqual({
      'data/crm': '755',
      'data/crm/a.incomplete': '644 a of the first',
      'data/crm/b.incomplete': '600 b of the first',
      'data/crm/last': '644 last',
      'data/crm/link.incomplete': '-> a',
      'data/crm/ranged': `644 PIECE${'0123456789'.repeat(10)}`,
      'data/crm/same.incomplete': `644 ${'\0'.repeat(15)}`,
      'data/crm/sub': '700',
      'data/crm/sub/x.incomplete': '644 x of the first',
      'data/crm/whole': '644 PIECE',
      'data/crm/zlink': `644 PIECE${'0123456789'.repeat(10)}`,
      'data/dump.incomplete': `644 ${'0123456789'.repeat(50)}`,
    });
    expect(gaps(out)).toEqual([
      'data/crm/same 0 15 first',
      ...['a', 'b', 'link', 'sub/x'].map((name) => `data/crm/${name} after full`),
      'data/dump after full',
    ]);
    expect(done.incomplete).toEqual({ withMissingBytes: 1, maybeOutdated: 5 });
  });

  test.each([
    { entriesOfNight: 40, says: 'This night has 40 entries, says its receipt.' },
    { entriesOfNight: undefined, says: 'No receipt here says how many entries this night has.' },
  ])('the list begins with how much is known of a night of $entriesOfNight', ({ entriesOfNight, says }) => {
    const { out, done } = restore(first, nights, { salvage: { missing: [1], depositIds, entriesOfNight } });
    expect(done.entries).toBe(12);
    expect(readFileSync(join(out, 'DEPOT/gaps.txt'), 'utf8').split('\n').slice(0, 4)).toEqual([
      `# ${says}`,
      '# Known here: 12; 6 whole, 1 with missing bytes, 5 perhaps out of date.',
      '# A file that only a missing suitcase holds is not here, and nothing here names it, even if these numbers agree.',
      '#',
    ]);
  });

  test('names that end in .incomplete keep them', () => {
    const taken: Member[] = [
      crm,
      { path: 'data/crm/a', body: 'a' },
      { path: 'data/crm/a.incomplete', body: 'its own' },
    ];
    const { out } = restore(
      taken,
      [{ steps: [crm] }, { steps: [crm, { path: 'data/crm/a.incomplete', body: 'its own, later' }] }],
      { salvage: { missing: [1], depositIds } },
    );
    expect(listing(out)).toEqual({
      'data/crm': '755',
      'data/crm/a.incomplete': '644 its own, later',
      'data/crm/a.incomplete-2': '644 a',
    });
  });

  test('and so do symlinks, hard links and what is incomplete itself', () => {
    const full: Member[] = [
      crm,
      { path: 'data/crm/a', body: 'a' },
      { path: 'data/crm/b', type: 'symlink', link: 'a' },
      { path: 'data/crm/c', body: 'c' },
      { path: 'data/crm/c.incomplete', body: 'its own, perhaps' },
      { path: 'data/crm/d', type: 'hardlink', link: 'data/crm/c' },
      { path: 'data/crm/e', type: 'symlink', link: 'c' },
      { path: 'data/crm/f', body: 'f' },
    ];
    const { out, done } = restore(
      full,
      [
        { steps: [crm] },
        {
          steps: [
            crm,
            { path: 'data/crm/a.incomplete', type: 'symlink', link: '../../outside' },
            { path: 'data/crm/b.incomplete', body: 'its own' },
            { path: 'data/crm/e.incomplete', type: 'symlink', link: 'f' },
            { path: 'data/crm/f.incomplete', type: 'directory' },
            { line: 'data/crm/g h 0644 1700000000 data/crm/f' },
            { line: 'data/crm/h h 0644 1700000000 data/crm/b.incomplete' },
          ],
        },
      ],
      { salvage: { missing: [1], depositIds } },
    );
    expect(listing(out)).toEqual({
      'data/crm': '755',
      'data/crm/a.incomplete': '-> ../../outside',
      'data/crm/a.incomplete-2': '644 a',
      'data/crm/b.incomplete': '644 its own',
      'data/crm/b.incomplete-2': '-> a',
      'data/crm/c.incomplete-2': '644 c',
      'data/crm/c.incomplete.incomplete': '644 its own, perhaps',
      'data/crm/d.incomplete': '644 c',
      'data/crm/e.incomplete': '-> f',
      'data/crm/e.incomplete-2': '-> c',
      'data/crm/f.incomplete': '755',
      'data/crm/f.incomplete-2': '644 f',
      'data/crm/g.incomplete': '644 f',
      'data/crm/h': '644 its own',
    });
    expect(done.incomplete).toEqual({ withMissingBytes: 0, maybeOutdated: 8 });
    expect(gaps(out)).toEqual(
      expect.arrayContaining(['data/crm/d after full', 'data/crm/d as data/crm/c', 'data/crm/g as data/crm/f']),
    );
  });

  test('a hard link never gets what only took the name of its target', () => {
    const { out, done } = restore(
      [crm, { path: 'data/crm/a', body: 'a of the first' }],
      [
        { steps: [crm, { path: 'data/crm/x', body: 'x of the first' }] },
        {
          steps: [
            crm,
            fileLine('data/crm/a', 'x of the first', 'o 1 data/crm/x'),
            fileLine('data/crm/a.incomplete', 'x of the first', 'o 1 data/crm/x'),
            { line: 'data/crm/b h 0644 1700000000 data/crm/a.incomplete' },
          ],
        },
      ],
      { salvage: { missing: [1], depositIds } },
    );
    expect(listing(out)).toEqual({
      'data/crm': '755',
      'data/crm/a.incomplete': `644 ${'\0'.repeat(14)}`,
      'data/crm/a.incomplete.incomplete': `644 ${'\0'.repeat(14)}`,
      'data/crm/b.incomplete': `644 ${'\0'.repeat(14)}`,
    });
    expect(done.incomplete).toEqual({ withMissingBytes: 3, maybeOutdated: 0 });
    expect(statSync(join(out, 'data/crm/b.incomplete')).ino).toBe(
      statSync(join(out, 'data/crm/a.incomplete.incomplete')).ino,
    );
  });

  test('a file in what became none meanwhile is gone', () => {
    const { out } = restore(first, [{ steps: [crm] }, { steps: [crm, { path: 'data/crm/sub', body: 'now a file' }] }], {
      salvage: { missing: [1], depositIds },
    });
    expect(listing(out)).toMatchObject({ 'data/crm/sub': '644 now a file' });
  });
});
