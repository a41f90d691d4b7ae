import { describe, expect, test } from 'vitest';
import { ManifestCheck } from '../../../src/dataset/compare.js';
import { TarReader } from '../../../src/dataset/tar/read.js';
import { sha256 } from '../../../src/primitives.js';
import { depotTar, entry, type Member } from '../../support/depot-tar.js';
import { fileLine, incrementTar, type Increment } from '../../support/increment-tar.js';

const chain = {
  sources: ['crm'],
  deposits: [{ depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410', bytes: 1, sha256: '0'.repeat(64) }],
};
const crm: Member = { path: 'data/crm', type: 'directory' };
const good: Increment = {
  chain,
  pieces: Buffer.from('0123456789'),
  ranges: '> 1\n@ 0 1 DEPOT/pieces\n0 0 10\n',
  partBytes: 4,
  steps: [
    crm,
    { path: 'data/crm/a', body: 'a' },
    { line: 'data/crm/b h 0644 1 data/crm/a' },
    { line: 'data/crm/c h 0644 1 data/crm/old' },
    { line: 'data/crm/d -' },
    { path: 'data/crm/e', type: 'symlink', link: 'a' },
    fileLine('data/crm/f', '0123456789', 'r 1'),
    fileLine('data/crm/g', 'x', 'o 0 data/crm/old'),
  ],
};

function check(tar: Uint8Array) {
  const joined: unknown[] = [];
  const manifest = new ManifestCheck({ hash: sha256, joined: (path, parts) => joined.push([path, parts]) });
  const reader = new TarReader(manifest);
  reader.write(tar);
  reader.end();
  return { ...manifest.finish(), joined };
}

describe('an increment is compared with its own manifest', () => {
  test('and counts what it holds', () => {
    expect(check(incrementTar(good))).toMatchObject({
      manifest: 'found',
      problems: [],
      entries: 3,
      bytes: 11,
      complete: true,
      chain: { number: 1, ...chain },
      joined: [
        ['DEPOT/pieces', 3],
        ['DEPOT/ranges', 8],
      ],
    });
  });

  const lines = (change: (lines: string[]) => string[]): Increment => ({ ...good, lines: change });
  test.each<[string, Increment, RegExp]>([
    [
      'an entry without a line',
      lines((all) => all.filter((line) => !line.startsWith('data/crm/a'))),
      /data\/crm\/b where|data\/crm\/a/,
    ],
    [
      'a line without its entry',
      lines((all) => [...all.slice(0, -3), 'data/crm/z d 0755 1', ...all.slice(-3)]),
      /not in the archive/,
    ],
    [
      'a removed path that has an entry',
      lines((all) => all.map((line) => (line.startsWith('data/crm/a f') ? 'data/crm/a -' : line))),
      /data\/crm\/a/,
    ],
    [
      'a line that says another mode',
      lines((all) => all.map((line) => line.replace('data/crm/a f 0644', 'data/crm/a f 0600'))),
      /differs.*mode/,
    ],
    [
      'a line that says another digest',
      lines((all) => all.map((line) => line.replace(/^(data\/crm\/a f .*).$/, '$1x'.replace('x', '0')))),
      /differs.*contents/,
    ],
    [
      'a hard link that has an entry',
      {
        ...good,
        steps: [
          ...good.steps.slice(0, 2),
          { path: 'data/crm/b', type: 'hardlink', link: 'data/crm/a' },
          ...good.steps.slice(3),
        ],
      },
      /data\/crm\/b/,
    ],
    [
      'pieces without a line',
      lines((all) => all.filter((line) => !line.startsWith('DEPOT/pieces'))),
      /DEPOT\/pieces is not in the manifest/,
    ],
    [
      'pieces in fewer parts',
      lines((all) => all.map((line) => line.replace(/^(DEPOT\/pieces .*) 3$/, '$1 2'))),
      /number of parts/,
    ],
    [
      'ranges that are not there',
      lines((all) => [...all.slice(0, -2), all.at(-2)!, all.at(-2)!, all.at(-1)!]),
      /DEPOT\/ranges is in the manifest/,
    ],
    ['an entry behind the last line', { ...good, more: [entry({ path: 'data/crm/z' })] }, /not in the manifest|counts/],
  ])('and %s is found', (_, increment, says) => {
    expect(check(incrementTar(increment)).problems.join('\n')).toMatch(says);
  });

  test.each<[string, Uint8Array]>([
    [
      'the manifest of a full deposit',
      incrementTar(lines((all) => all.map((line) => line.replace('manifest/2', 'manifest/1')))),
    ],
    [
      'a line of JSON between',
      incrementTar(
        lines((all) => [
          ...all.slice(0, 2),
          '{"path":"data/crm","type":"directory","size":0,"mode":"0755","mtime":"@0"}',
          ...all.slice(2),
        ]),
      ),
    ],
    [
      'parts of a file of the dataset',
      incrementTar({ ...good, steps: [...good.steps, { path: 'data/dump.part-000001', body: 'x' }] }),
    ],
    ['parts out of order', incrementTar({ ...good, more: [entry({ path: 'DEPOT/pieces.part-000005', body: 'x' })] })],
    ['a chain.json that is none', incrementTar({ ...good, chain: { ...chain, number: 2 } })],
  ])('and %s is refused', (_, tar) => {
    expect(() => check(tar)).toThrow(expect.objectContaining({ code: 'archive-refused' }));
  });

  test('and a full deposit with the manifest of an increment is refused', () => {
    const { tar } = depotTar([crm], { lines: (all) => all.map((line) => line.replace('manifest/1', 'manifest/2')) });
    expect(() => check(tar)).toThrow(expect.objectContaining({ code: 'archive-refused' }));
  });
});
