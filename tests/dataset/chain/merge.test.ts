import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fromText } from '../../../src/dataset/bytestring.js';
import { mergeNights } from '../../../src/dataset/chain/merge.js';
import { NightManifest } from '../../../src/dataset/chain/night-manifest.js';
import { SourceOrder } from '../../../src/dataset/chain/order.js';

const refused = expect.objectContaining({ code: 'archive-refused' });
const sha = (content: string): string => createHash('sha256').update(content).digest('hex');
const RANDOM = '5a'.repeat(32);
const end = '{"entries":0,"bytes":0,"skipped":{},"complete":true}';
const order = new SourceOrder(['crm', 'a'].map(fromText));

/** Night 0 from `path type` pairs, with what each path is in JSON. */
const full = (...lines: string[]) =>
  [
    `{"manifest":"depot.manifest/1","random":"${RANDOM}"}`,
    `{"path":"DEPOT/README.md","type":"file","size":0,"mode":"0644","mtime":"2026-11-22T00:30:00Z","sha256":"${sha('')}"}`,
    ...lines.map((line) => {
      const [path, type, target = ''] = line.split(' ');
      const file = type === 'file' ? `,"sha256":"${sha(path)}"` : '';
      const link = target === '' ? '' : `,"linkTarget":"${target}"`;
      return `{"path":"${path}","type":"${type}","size":${type === 'file' ? path.length : 0},"mode":"0644","mtime":"2026-11-22T00:30:00Z"${file}${link}}`;
    }),
    end,
  ].join('\n');
const night = (...lines: string[]) =>
  [`{"manifest":"depot.manifest/2","random":"${RANDOM}"}`, ...lines, end].join('\n');
const file = (path: string) => `${path} f 0644 7 1 ${sha('x')}`;

function merged(...manifests: string[]) {
  const stored = (text: string) => {
    const bytes = Buffer.from(`${text}\n`);
    return {
      size: bytes.length,
      read: (into: Uint8Array, position: number) => bytes.copy(into, 0, position),
    };
  };
  return [...mergeNights(manifests.map((text, number) => new NightManifest(stored(text), number, order)))];
}
const nights = (...manifests: string[]) =>
  merged(...manifests).map(({ path, final }) => `${path} ${final === null ? '-' : final.night}`);

const first = full(
  'data/crm directory',
  'data/crm/a directory',
  'data/crm/a/x file',
  'data/crm/a-b file',
  'data/crm/b file',
  'data/a directory',
  'data/a/z file',
);

describe('a merge of the manifests of a chain', () => {
  test('gives each path as it was last, in the order of the walk', () => {
    expect(
      nights(
        first,
        night('data/crm d 0755 1', 'data/crm/a d 0755 1', file('data/crm/a/x'), file('data/crm/a/y'), 'data/crm/b -'),
        night(
          'data/crm d 0755 2',
          'data/crm/a d 0755 2',
          'data/crm/a/y -',
          file('data/crm/c'),
          'data/a d 0755 2',
          file('data/a/z'),
        ),
      ),
    ).toEqual([
      'data/crm 2',
      'data/crm/a 2',
      'data/crm/a/x 1',
      'data/crm/a/y -',
      'data/crm/a-b 0',
      'data/crm/b -',
      'data/crm/c 2',
      'data/a 2',
      'data/a/z 2',
    ]);
  });

  test('tells what was there in the full deposit from what came later', () => {
    const fates = merged(first, night('data/crm d 0755 1', file('data/crm/b'), file('data/crm/c')));
    const of = (path: string) => fates.find((fate) => fate.path === path);
    expect(of('data/crm/b')).toMatchObject({
      first: { sha256: sha('data/crm/b') },
      final: { sha256: sha('x'), night: 1 },
    });
    expect(of('data/crm/c')).toMatchObject({ first: null, final: { night: 1 } });
  });

  test('lets a directory become a file, a file a directory, and what was removed come back', () => {
    expect(
      nights(
        first,
        night('data/crm d 0755 1', file('data/crm/a'), 'data/crm/a/x -', 'data/crm/b d 0755 1', file('data/crm/b/in')),
        night('data/crm d 0755 1', 'data/crm/b -', 'data/crm/b/in -'),
        night('data/crm d 0755 1', file('data/crm/b')),
      ),
    ).toEqual([
      'data/crm 3',
      'data/crm/a 1',
      'data/crm/a/x -',
      'data/crm/a-b 0',
      'data/crm/b 3',
      'data/crm/b/in -',
      'data/a 0',
      'data/a/z 0',
    ]);
  });

  test('holds one line of each of three hundred manifests', () => {
    const many = Array.from({ length: 300 }, (_, i) =>
      night('data/crm d 0755 1', file(`data/crm/n${String(i).padStart(3, '0')}`)),
    );
    const found = nights(first, ...many);
    expect(found).toContain('data/crm/n299 300');
    expect(found[0]).toBe('data/crm 300');
    expect(found).toHaveLength(307);
  });

  const d = 'data/crm d 0755 1';
  test.each([
    ['lines out of order', night(d, file('data/crm/b'), file('data/crm/a-b'))],
    ['names where a directory comes before what continues its name', night(d, file('data/crm/a-b'), 'data/crm/a/x -')],
    ['a path that comes twice', night(d, file('data/crm/b'), file('data/crm/b'))],
    ['sources in another order', night('data/a d 0755 1', d)],
    ['a source that the chain does not have', night('data/other d 0755 1')],
    ['a path outside of data and DEPOT', night('etc/passwd -')],
    ['the removal of what is not there', night(d, 'data/crm/none -')],
    ['a file in a directory that is not there', night(d, file('data/crm/none/x'))],
    ['a file in what is a file', night(d, file('data/crm/b/x'))],
    ['a file in the place of a directory that is not empty', night(d, file('data/crm/a'))],
    ['a removed directory that is not empty', night(d, 'data/crm/a -')],
    ['a hard link to a later path', night(d, 'data/crm/b h 0644 1 data/crm/c')],
    ['a hard link to itself', night(d, 'data/crm/b h 0644 1 data/crm/b')],
    ['a hard link into a source that there is not', night(d, 'data/crm/b h 0644 1 data/other/c')],
    ['a time beyond what 64 bits hold', night(`data/crm d 0755 9223372036854775808`)],
    ['ranges that begin with the second', night(d, `data/crm/b r 0644 1 1 ${sha('x')} 2`)],
    ['ranges that come twice', night(d, `data/crm/b r 0644 1 1 ${sha('x')} 1`, `data/crm/c r 0644 1 1 ${sha('x')} 1`)],
    ['an object of a later night', night(d, `data/crm/b o 0644 1 1 ${sha('x')} 2 data/crm/b`)],
    ['an object in a sidecar', night(d, `data/crm/b o 0644 1 1 ${sha('x')} 1 DEPOT/chain.json`)],
    ['the ranges as an object', night(d, `data/crm/b o 0644 1 1 ${sha('x')} 1 DEPOT/ranges`)],
    ['pieces of the full deposit, which has none', night(d, `data/crm/b o 0644 1 1 ${sha('x')} 0 DEPOT/pieces`)],
    ['a file of the dataset in parts', night(d, `data/crm/b p 0644 1 1 ${sha('x')} 1`)],
    ['a sidecar that is removed', night('DEPOT/README.md -')],
    ['a sidecar of another content', night(`DEPOT/README.md o 0644 1 1 ${sha('x')} 0 data/crm/b`)],
    ['a line of JSON', night(`{"path":"data/crm/b","type":"directory","size":0,"mode":"0644","mtime":"@0"}`)],
    ['the first line of a full deposit', night(d).replace('manifest/2', 'manifest/1')],
    ['a second first line', night(`{"manifest":"depot.manifest/2","random":"${RANDOM}"}`)],
    ['no last line', `{"manifest":"depot.manifest/2","random":"${RANDOM}"}`],
    ['lines after the last one', `${night(d)}\n${file('data/crm/b')}`],
    ['nothing at all', ''],
  ])('refuses %s', (_, second) => {
    expect(() => nights(first, second)).toThrow(refused);
  });

  test('refuses a full deposit whose order is not that of the chain', () => {
    expect(() => nights(full('data/a directory', 'data/crm directory'))).toThrow(refused);
    expect(() => nights(full('data/crm directory', 'data/crm/b file', 'data/crm/a file'))).toThrow(refused);
    expect(() => nights(night('data/crm d 0755 1'))).toThrow(refused);
  });
});
