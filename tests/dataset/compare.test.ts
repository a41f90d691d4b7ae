import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ManifestCheck, type ManifestResult } from '../../src/dataset/compare.js';
import { sha256 } from '../../src/primitives.js';
import { TarReader } from '../../src/dataset/tar/read.js';
import { depotTar, entry, type Lies, type Member, type Piece } from '../support/depot-tar.js';
import { inPieces } from '../support/extraction.js';
import { archive, raw } from '../support/hostile-tar.js';

const members: Member[] = [
  { path: 'data/crm', type: 'directory' },
  { path: 'data/crm/a.csv', body: 'a;b\n', mtimeNs: 1_700_000_000_123_456_789n },
  { path: 'data/crm/b', type: 'directory', mode: 0o700 },
  { path: 'data/crm/b/a.csv', body: 'same name elsewhere' },
  { path: 'data/crm/c', type: 'symlink', link: '../../etc' },
  { path: 'data/crm/d', type: 'hardlink', link: 'data/crm/a.csv' },
  { path: 'data/dump', body: 'x'.repeat(1000), partBytes: 300 },
  { path: 'data/nothing', body: '', partBytes: 300 },
];
const bytes = 4 + 19 + 1000;

function check(
  tar: Uint8Array,
  options: { pieces?: number; joined?: (path: string, parts: number) => void } = {},
): ManifestResult {
  const manifest = new ManifestCheck({
    hash: sha256,
    ...(options.joined === undefined ? {} : { joined: options.joined }),
  });
  const reader = new TarReader(manifest);
  for (const piece of inPieces(tar, options.pieces ?? tar.length)) reader.write(piece);
  reader.end();
  return manifest.finish();
}

const problems = (lies: Lies, more: Member[] = []) => check(depotTar([...members, ...more], lies).tar).problems;
const at = (pieces: Piece[], path: string) => pieces.findIndex((piece) => piece.path === path);
const without = (pieces: Piece[], path: string) => pieces.filter((piece) => piece.path !== path);
const changed = (pieces: Piece[], path: string, change: Partial<Piece>) =>
  pieces.map((piece) => (piece.path === path ? { ...piece, ...change } : piece));

describe('an archive that matches its manifest', () => {
  test.each([undefined, 1, 2, 3, 5])(
    'has no problems, with a manifest part after every %s entries',
    (manifestEvery) => {
      const { tar, manifest } = depotTar(members, manifestEvery === undefined ? {} : { manifestEvery });
      for (const pieces of [1, 100, tar.length]) {
        const joined: unknown[] = [];
        expect(check(tar, { pieces, joined: (path, parts) => joined.push([path, parts]) })).toEqual({
          manifest: 'found',
          entries: members.length,
          bytes,
          manifestSha256: createHash('sha256').update(manifest).digest('hex'),
          skipped: {},
          complete: true,
          changed: 0,
          problems: [],
        });
        expect(joined).toEqual([
          ['data/dump', 4],
          ['data/nothing', 1],
        ]);
      }
    },
  );

  test('reports what the supplier left out', () => {
    const { tar } = depotTar(members, {
      lines: (lines) => [
        ...lines.slice(0, -1),
        lines.at(-1)!.replace('"skipped":{},"complete":true', '"skipped":{"socket":2},"complete":false'),
      ],
    });
    expect(check(tar)).toMatchObject({ skipped: { socket: 2 }, complete: false, problems: [] });
  });

  test('may have unknown keys in its manifest, in any position', () => {
    expect(problems({ lines: (lines) => lines.map((line) => `{"later":1,${line.slice(1)}`) })).toEqual([]);
  });
});

test('an archive from another tool has no manifest, and all its entries are counted', () => {
  const tar = archive(
    raw({ name: 'a', body: 'abc' }),
    raw({ name: 'd/', type: '5' }),
    raw({ name: 'DEPOT/README.md', body: 'not first' }),
    raw({ name: 'a', body: 'abc' }),
  );
  expect(check(tar)).toEqual({
    manifest: 'none',
    entries: 4,
    bytes: 15,
    manifestSha256: null,
    skipped: null,
    complete: null,
    changed: 0,
    problems: [],
  });
});

describe('a difference between manifest and archive is reported:', () => {
  test.each<[string, Lies, RegExp[]]>([
    [
      'contents',
      { pieces: (p) => changed(p, 'data/crm/a.csv', { tar: entry({ ...members[1], body: 'a;c\n' }) }) },
      [/^data\/crm\/a\.csv differs from the manifest: contents$/],
    ],
    [
      'size',
      {
        pieces: (p) =>
          changed(p, 'data/crm/b/a.csv', { tar: entry({ ...members[3], body: 'longer than it was' + '!'.repeat(9) }) }),
      },
      [
        /differs from the manifest: size, contents$/,
        /^the manifest counts 8 entries with 1023 bytes; the archive holds 8 with 1031$/,
      ],
    ],
    [
      'mode',
      { pieces: (p) => changed(p, 'data/crm/b', { tar: entry({ ...members[2], mode: 0o4777 }) }) },
      [/^data\/crm\/b differs from the manifest: mode$/],
    ],
    [
      'time',
      {
        pieces: (p) =>
          changed(p, 'data/crm/a.csv', { tar: entry({ ...members[1], mtimeNs: 1_700_000_000_123_456_788n }) }),
      },
      [/: time$/],
    ],
    [
      'link target',
      { pieces: (p) => changed(p, 'data/crm/c', { tar: entry({ ...members[4], link: '../../etc/shadow' }) }) },
      [/^data\/crm\/c differs from the manifest: link target$/],
    ],
    [
      'type',
      {
        pieces: (p) =>
          changed(p, 'data/crm/c', { tar: entry({ ...members[4], type: 'hardlink', link: '../../etc'.slice(6) }) }),
      },
      [/: type, link target$/],
    ],
    [
      'a part left out',
      {
        pieces: (p) =>
          without(p, 'data/dump.part-000004').map((piece) =>
            piece.path === 'data/dump.part-000003' ? { ...piece, line: p[at(p, 'data/dump.part-000004')].line } : piece,
          ),
      },
      [/^data\/dump differs from the manifest: size, contents, number of parts$/, /counts/],
    ],
    [
      'parts cut elsewhere',
      {
        pieces: (p) => [
          ...p.slice(0, at(p, 'data/dump.part-000001')),
          { path: '', line: null, tar: entry({ path: 'data/dump.part-000001', body: 'x'.repeat(1000) }) },
          { ...p[at(p, 'data/dump.part-000004')], tar: entry({ path: 'data/dump.part-000002' }) },
          ...p.slice(at(p, 'data/nothing.part-000001')),
        ],
      },
      [/^data\/dump differs from the manifest: number of parts$/],
    ],
    [
      'an entry without a line',
      { pieces: (p) => changed(p, 'data/crm/b/a.csv', { line: null }) },
      [/^the manifest has data\/crm\/c where the archive has data\/crm\/b\/a\.csv$/],
    ],
    [
      'a last entry without a line',
      { pieces: (p) => changed(p, 'data/nothing.part-000001', { line: null }) },
      [/^data\/nothing is not in the manifest$/],
    ],
    [
      'a line without an entry',
      { pieces: (p) => without(p, 'data/crm/b/a.csv'), lines: (l) => l.toSpliced(5, 0, l[2]) },
      [/^the manifest has data\/crm where the archive has data\/crm\/c$/, /counts/],
    ],
    [
      'a last line without an entry',
      { lines: (l) => l.toSpliced(-1, 0, l[2]) },
      [/^data\/crm is in the manifest and not in the archive$/],
    ],
    [
      'lines in another order',
      { lines: (l) => l.toSpliced(3, 2, l[4], l[3]) },
      [/^the manifest has data\/crm\/b where the archive has data\/crm\/a\.csv$/],
    ],
    [
      'entries in another order',
      { pieces: (p) => p.toSpliced(2, 1).toSpliced(6, 0, p[2]), lines: (l) => l },
      [/^data\/crm\/a\.csv is out of order, or comes twice$/],
    ],
    [
      'an entry twice',
      { pieces: (p) => p.toSpliced(3, 0, p[2]) },
      [/^data\/crm\/a\.csv comes twice$/, /^the manifest counts/],
    ],
    [
      'an entry twice, apart',
      { pieces: (p) => p.toSpliced(6, 0, p[2]) },
      [/^data\/crm\/a\.csv is out of order, or comes twice$/, /^the manifest counts/],
    ],
    ['a source twice', { pieces: (p) => [...p, p[1]] }, [/^data\/crm comes twice$/, /^the manifest counts/]],
    ['the README twice', { pieces: (p) => [...p, p[0]] }, [/^DEPOT\/README\.md comes twice$/]],
    [
      "a file that has the manifest's name",
      { pieces: (p) => [...p, ...piecesOf({ path: 'DEPOT/manifest.ndjson', body: 'y' })] },
      [/^DEPOT\/manifest\.ndjson comes twice$/],
    ],
    [
      'a file in parts twice',
      { pieces: (p) => [...p, p.at(-1)!] },
      [/^data\/nothing comes twice$/, /^the manifest counts/],
    ],
    [
      'a file that is also there in parts',
      { pieces: (p) => [...p, ...piecesOf({ path: 'data/dump', body: 'y' })] },
      [/^data\/dump comes twice$/, /^the manifest counts/],
    ],
    [
      'a return to a directory',
      { pieces: (p) => [...p, ...piecesOf({ path: 'data/crm/b/z', body: 'y' })] },
      [/^data\/crm\/b\/z is not where the entries before it leave off$/, /^the manifest counts/],
    ],
    [
      'something outside of data and DEPOT',
      { pieces: (p) => [...p, ...piecesOf({ path: 'elsewhere', body: 'y' })] },
      [/^elsewhere is not where/],
    ],
    [
      'a parent that was left out',
      { pieces: (p) => without(p, 'data/crm/b') },
      [/^data\/crm\/b\/a\.csv is not where/, /^the manifest counts/],
    ],
    ['no last line', { lines: (l) => l.slice(0, -1) }, [/^the manifest has no end$/]],
    ['no manifest', { lines: () => [] }, [/^DEPOT\/README\.md is not in the manifest$/, /^the manifest has no end$/]],
    [
      'wrong counts',
      { lines: (l) => l.with(-1, '{"entries":7,"bytes":1,"skipped":{},"complete":true}\n') },
      [/^the manifest counts 7 entries with 1 bytes; the archive holds 8 with 1023$/],
    ],
  ])('%s', (_, lies, expected) => {
    const found = problems(lies);
    expect(found).toHaveLength(expected.length);
    expected.forEach((says, i) => expect(found[i]).toMatch(says));
  });

  test('an entry after the end of the manifest', () => {
    const { tar } = depotTar(members);
    const late = archive(tar.subarray(0, -1024), entry({ path: 'data/late', body: 'y' }));
    expect(check(late).problems).toEqual([
      'data/late comes after the end of the manifest',
      'data/late is not in the manifest',
    ]);
  });

  test('many differences, with control characters escaped in names, and only the first 20 in full', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({
      path: `data/\x1b[2J${String(i).padStart(3, '0')}`,
      body: 'x',
    }));
    const found = problems(
      { lines: (lines) => lines.map((line) => line.replace(/"mode":"\d+"/, '"mode":"0001"')) },
      many,
    );
    expect(found).toHaveLength(21);
    expect(found.at(-1)).toMatch(/^and \d+ more$/);
    expect(found.join('')).toMatch(/^[\x20-\x7e]*$/);
  });
});

describe('an invalid manifest is refused:', () => {
  test.each<[string, Lies, RegExp]>([
    ['a line that is not JSON', { lines: (l) => l.with(3, 'data/crm/a.csv\n') }, /a line that is not JSON/],
    ['a line without its newline', { lines: (l) => l.with(-1, l.at(-1)!.trimEnd()) }, /ends within a line/],
    ['an entry before the first line', { lines: (l) => l.slice(1) }, /does not begin with its first line/],
    ['the first line twice', { lines: (l) => [l[0], ...l] }, /does not begin with its first line/],
    ['the last line twice', { lines: (l) => [...l, l.at(-1)!] }, /goes on after its last line/],
    [
      'another format',
      { lines: (l) => l.with(0, l[0].replace('manifest/1', 'manifest/2')) },
      /missing or wrong manifest/,
    ],
    [
      'a missing part',
      { pieces: (p) => without(p, 'data/dump.part-000002') },
      /part is out of order: data\/dump\.part-000003/,
    ],
    [
      'a part in the wrong order',
      {
        pieces: (p) => {
          const i = at(p, 'data/dump.part-000002');
          return p.toSpliced(i, 2, p[i + 1], p[i]);
        },
      },
      /part is out of order/,
    ],
    [
      'a part between other parts',
      { pieces: (p) => p.toSpliced(at(p, 'data/dump.part-000003'), 0, p.at(-1)!) },
      /part is out of order: data\/dump\.part-000003/,
    ],
    [
      'a part that is a link',
      {
        pieces: (p) =>
          changed(p, 'data/dump.part-000002', {
            tar: entry({ path: 'data/dump.part-000002', type: 'symlink', link: 'x' }),
          }),
      },
      /part is not a file/,
    ],
    [
      'a manifest part that is a link',
      {
        pieces: (p) => [
          ...p,
          {
            path: '',
            line: null,
            tar: entry({ path: 'DEPOT/manifest.ndjson.part-000001', type: 'symlink', link: 'x' }),
          },
        ],
      },
      /not a part of a manifest/,
    ],
    [
      'manifest parts out of order',
      { pieces: (p) => [...p, { path: '', line: null, tar: entry({ path: 'DEPOT/manifest.ndjson.part-000002' }) }] },
      /manifest's parts are out of order/,
    ],
    [
      'a manifest part of more than 4 MiB',
      {
        pieces: (p) => [
          ...p,
          {
            path: '',
            line: null,
            tar: entry({ path: 'DEPOT/manifest.ndjson.part-000001', body: ' '.repeat(4_194_305) }),
          },
        ],
      },
      /not a part of a manifest/,
    ],
  ])('%s', (_, lies, says) => {
    expect(() => problems(lies)).toThrow(
      expect.objectContaining({ code: 'archive-refused', message: expect.stringMatching(says) }),
    );
  });

  test('more than 64 MiB of entries without their lines', () => {
    const manifest = new ManifestCheck({ hash: sha256 });
    const linkTarget = Buffer.alloc(30_000, 't');
    const add = (path: string) => {
      manifest.begin({ path: Buffer.from(path), type: 'symlink', size: 0, mode: 0o777, mtimeNs: 0n, linkTarget });
      manifest.end();
    };
    add('DEPOT/README.md');
    expect(() => {
      for (let i = 0; i < 3000; i++) add(`data/${i}`);
    }).toThrow(/lags too far behind/);
  });
});

function piecesOf(member: Member): Piece[] {
  let found: Piece[] = [];
  depotTar([member], { pieces: (pieces) => (found = pieces.slice(1)) });
  return found;
}
