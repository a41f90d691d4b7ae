import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Extractor } from '../../src/dataset/extract.js';
import { removeExtracted } from '../../src/dataset/extract/remove.js';
import { packDataset } from '../../src/dataset/pack.js';
import type { SourceSpec } from '../../src/source.js';
import { makeAwkward, pattern } from '../support/awkward.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { depotTar, type Member } from '../support/depot-tar.js';
import { extract, sandbox } from '../support/extraction.js';
import { archive, pax, raw } from '../support/hostile-tar.js';
import { asRoot, peers } from '../support/peers.js';
import { run } from '../support/process.js';
import { differences, readTree } from '../support/tree.js';

const stat = (...path: string[]) => lstatSync(join(...path), { bigint: true });

async function pack(source: Partial<SourceSpec> & { name: string }): Promise<Buffer> {
  const sources = [{ allowEmpty: false, onChange: 'fail', ...source } as SourceSpec];
  const chunks: Uint8Array[] = [];
  for await (const chunk of packDataset(
    { sources, commandDirectory: '/', arrangement: 'a', depositId: 'a_1' },
    { signal: new AbortController().signal, warn: () => undefined, progress: () => undefined },
  ))
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('an archive that depot packed', () => {
  test('is extracted unchanged, whatever the size of the pieces', async () => {
    const source = tempDir('depot-awkward');
    makeAwkward(source);
    const tar = await pack({ name: 'source', kind: 'directory', path: source, exclude: [] });
    for (const pieces of [997, 1 << 20]) {
      const { out } = sandbox();
      expect(extract(tar, out, { pieces })).toMatchObject({
        manifest: { manifest: 'found', problems: [] },
        warnings: [],
      });
      expect(await differences(source, join(out, 'data/source'))).toEqual([]);
      expect(readdirSync(out).sort()).toEqual(['DEPOT', 'data']);
      expect(readdirSync(join(out, 'DEPOT')).sort()).toEqual(['README.md', 'manifest.ndjson']);
    }
  });

  test('gives one file for the output of a command', async () => {
    const tar = await pack({
      name: 'dump',
      kind: 'command',
      command: [process.execPath, '-e', 'process.stdout.write(Buffer.alloc(40_000_000, "0123456789abcdef!"))'],
    });
    const { out } = sandbox();
    expect(extract(tar, out, { pieces: 300_000 }).manifest.problems).toEqual([]);
    expect(readdirSync(join(out, 'data'))).toEqual(['dump']);
    expect(readFileSync(join(out, 'data/dump')).equals(Buffer.alloc(40_000_000, '0123456789abcdef!'))).toBe(true);
    expect(Number(stat(out, 'data/dump').mode) & 0o777).toBe(0o600);
  });
});

describe('parts', () => {
  const members: Member[] = [
    { path: 'data/one', body: pattern(1000), partBytes: 300, mode: 0o640, mtimeNs: 1_600_000_000_000_000_000n },
    { path: 'data/two', body: '', partBytes: 300 },
    { path: 'data/dir', type: 'directory' },
    { path: 'data/dir/three.part-000001', body: 'not a part: it lies deeper' },
  ];

  test.each([undefined, 1, 2, 4])(
    'are joined as the manifest says, with a manifest part after every %s entries',
    (manifestEvery) => {
      const { tar, manifest } = depotTar(members, manifestEvery === undefined ? {} : { manifestEvery });
      const { out } = sandbox();
      expect(extract(tar, out, { pieces: 200 }).manifest.problems).toEqual([]);
      expect(readdirSync(join(out, 'data')).sort()).toEqual(['dir', 'one', 'two']);
      expect(readFileSync(join(out, 'data/one')).equals(pattern(1000))).toBe(true);
      expect(stat(out, 'data/one')).toMatchObject({ mode: 0o100640n, mtimeNs: 1_600_000_000_000_000_000n });
      expect(stat(out, 'data/two').size).toBe(0n);
      expect(readdirSync(join(out, 'data/dir'))).toEqual(['three.part-000001']);
      expect(readFileSync(join(out, 'DEPOT/manifest.ndjson'), 'utf8')).toBe(manifest);
    },
  );

  test('that the manifest does not join are refused', () => {
    const { tar } = depotTar(members, { lines: (lines) => lines.filter((line) => !line.includes('data/one')) });
    expect(() => extract(tar, sandbox().out)).toThrow(/^the manifest does not join the parts of data\/one$/);
  });

  test('with one missing are refused, and so are parts that start again from the first', () => {
    for (const spoil of [(i: number) => i !== 2, (i: number) => i !== 1]) {
      const { tar } = depotTar(members, { pieces: (pieces) => pieces.filter((_, i) => spoil(i)) });
      expect(() => extract(tar, sandbox().out)).toThrow(/a part is out of order/);
    }
    const { tar } = depotTar(members, { pieces: (pieces) => [...pieces, ...pieces.slice(1, 5)] });
    expect(() => extract(tar, sandbox().out)).toThrow(/name is taken/);
  });

  test('are not joined if the joined name would be empty, . or .., or if the number is malformed', () => {
    const odd: Member[] = ['data/..part-000001', 'data/...part-000001', 'data/.part-000001', 'data/x.part-1'].map(
      (path) => ({ path, body: path }),
    );
    const { out } = sandbox();
    expect(extract(depotTar(odd).tar, out).manifest.problems).toEqual([]);
    expect(readdirSync(join(out, 'data')).sort()).toEqual([
      '...part-000001',
      '..part-000001',
      '.part-000001',
      'x.part-1',
    ]);
  });

  test('in an archive that is not from depot are left separate', () => {
    const { out } = sandbox();
    extract(
      archive(
        raw({ name: 'data/x.part-000001', body: 'a' }),
        raw({ name: 'data/x.part-000002', body: 'b' }),
        raw({ name: 'DEPOT/manifest.ndjson.part-000001', body: 'c' }),
      ),
      out,
    );
    expect(readdirSync(join(out, 'data')).sort()).toEqual(['x.part-000001', 'x.part-000002']);
    expect(readdirSync(join(out, 'DEPOT'))).toEqual(['manifest.ndjson.part-000001']);
  });
});

describe('modes and times', () => {
  test('permissions are restored, without set-user-id and set-group-id, whatever the umask', () => {
    const { out } = sandbox();
    const before = process.umask(0o077);
    cleanup(() => process.umask(before));
    extract(
      archive(
        ...[0o4755, 0o2755, 0o1755, 0o666, 0o444, 0].map((mode) => raw({ name: mode.toString(8), mode })),
        raw({ name: 'sticky/', type: '5', mode: 0o7777 }),
        raw({ name: 'implied/file' }),
      ),
      out,
    );
    const mode = (name: string) => (statSync(join(out, name)).mode & 0o7777).toString(8);
    expect(['4755', '2755', '1755', '666', '444', '0'].map(mode)).toEqual(['755', '755', '755', '666', '444', '0']);
    // Sticky only forbids: without it this directory would be less safe than it was.
    expect(mode('sticky')).toBe('1777');
    expect(mode('implied')).toBe('700');
  });

  test('times of files, directories and symlinks are exact to the microsecond', () => {
    const times = [
      1_700_000_000_123_456_789n,
      1_799_999_999_999_999_999n,
      1_234_567_890_000_001_000n,
      1n,
      0n,
      4_294_967_295_999_999_000n,
    ];
    const { out } = sandbox();
    const mtime = (ns: bigint) =>
      pax({ mtime: `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, '0')}` });
    extract(
      archive(
        ...times.flatMap((ns, i) => [
          mtime(ns),
          raw({ name: `d${i}/`, type: '5', mode: 0o755 }),
          mtime(ns),
          raw({ name: `d${i}/file`, body: 'x' }),
          mtime(ns),
          raw({ name: `d${i}/link`, type: '2', link: 'file' }),
          raw({ name: `d${i}/hard`, type: '1', link: `d${i}/file` }),
        ]),
      ),
      out,
    );
    times.forEach((ns, i) => {
      for (const name of ['', 'file', 'link', 'hard'])
        expect(stat(out, `d${i}`, name).mtimeNs / 1000n, `${ns} ${name}`).toBe(ns / 1000n);
    });
  });

  test('times before 1970 are restored, and times out of range do no harm', () => {
    const { out } = sandbox();
    extract(
      archive(
        ...['-0.5', '-86400.25', '-9999999999999999', '9999999999999999', '99999999999.5'].flatMap((mtime) => [
          pax({ mtime }),
          raw({ name: mtime }),
        ]),
      ),
      out,
    );
    expect(stat(out, '-0.5').mtimeNs).toBe(-500_000_000n);
    expect(stat(out, '-86400.25').mtimeNs).toBe(-86_400_250_000_000n);
    expect(stat(out, '9999999999999999').mtimeNs).toBeGreaterThan(4_000_000_000n * 1_000_000_000n);
    expect(stat(out, '-9999999999999999').mtimeNs).toBeLessThan(0n);
  });

  test('directories that even their owner may not enter or write to are filled, can be entered afterwards, and are removed', async () => {
    const { out } = sandbox();
    const closed = (name: string, mode = 0) => raw({ name: `${name}/`, type: '5', mode });
    asNobody(out, () =>
      extract(
        archive(
          closed('a', 0o555),
          raw({ name: 'a/file' }),
          raw({ name: 'a/link', type: '2', link: 'x' }),
          closed('a/b'),
          raw({ name: 'a/b/file' }),
          raw({ name: 'c/d/e/file' }),
          closed('c'),
          closed('c/d', 0o400),
          closed('c/d/e'),
        ),
        out,
      ),
    );
    const tree = await readTree(out);
    expect([...tree].map(([name, { mode }]) => `${name} ${mode.toString(8)}`).sort()).toEqual([
      'a 555',
      'a/b 500',
      'a/b/file 644',
      'a/file 644',
      'a/link 777',
      'c 500',
      'c/d 500',
      'c/d/e 500',
      'c/d/e/file 644',
    ]);
    asNobody(out, () => removeExtracted(join(out, 'a')));
    asNobody(out, () => removeExtracted(join(out, 'c')));
    expect(readdirSync(out)).toEqual([]);
  });

  test('directories nested 1,900 levels deep are removed', () => {
    const { directory, out } = sandbox();
    const levels = 1_900;
    mkdirSync(join(out, ...Array.from({ length: levels }, () => 'd')), { recursive: true });
    removeExtracted(out);
    expect(readdirSync(directory)).toEqual(['outside']);
  });

  test('a part whose joined name is taken by a file is refused, with an error that does not blame upper and lower case', () => {
    const tar = archive(raw({ name: 'DEPOT/README.md' }), raw({ name: 'data/a' }), raw({ name: 'data/a.part-000001' }));
    expect(() => extract(tar, sandbox().out)).toThrow(/^an entry's name is taken by an earlier one: data\/a$/);
  });

  test('a directory that comes twice gets the mode and time of the later entry', () => {
    const { out } = sandbox();
    extract(
      archive(
        raw({ name: './', type: '5', mode: 0o777 }),
        raw({ name: 'a/', type: '5', mode: 0o700 }),
        raw({ name: 'a/x' }),
        raw({ name: 'a/', type: '5', mode: 0o750, mtime: 5 }),
        raw({ name: 'a/y' }),
      ),
      out,
    );
    expect(stat(out, 'a')).toMatchObject({ mode: 0o40750n, mtimeNs: 5_000_000_000n });
    expect(readdirSync(join(out, 'a'))).toEqual(['x', 'y']);
    expect(statSync(out).mode & 0o777, 'the output directory is as its maker made it').toBe(0o700);
  });

  test('a directory that comes twice in an archive by depot is refused', () => {
    const { tar } = depotTar(
      [
        { path: 'data/a', type: 'directory' },
        { path: 'data/A', type: 'directory' },
      ],
      { pieces: (pieces) => [...pieces, pieces[1]] },
    );
    expect(() => extract(tar, sandbox().out)).toThrow(/a directory comes twice: data\/a/);
  });
});

test('link targets are restored byte for byte, wherever they point', () => {
  const { out, beside } = sandbox();
  const targets = ['/etc/passwd', '../../../..', 'a\nb', '\x1b[2J', './x//y/', ' ', 'l0'];
  extract(
    archive(
      ...targets.map((link, i) => raw({ name: `l${i}`, type: '2', link })),
      pax({ linkpath: Buffer.from('\xff\xe9', 'latin1') }),
      raw({ name: 'bytes', type: '2', link: 'x' }),
    ),
    out,
  );
  const tree = readTree(out);
  expect(beside()).toEqual(['outside']);
  return tree.then((entries) =>
    expect([...entries.values()].map(({ linkTarget }) => linkTarget).sort()).toEqual([...targets, '\xff\xe9'].sort()),
  );
});

test('runs of zeros become holes, at the end of a file and before it', async () => {
  const content = Buffer.alloc(20 << 20);
  pattern(1000).copy(content, 5 << 20);
  for (const [tail, pieces] of [
    [0, 1 << 16],
    [0, 3_000_001],
    [7, 1 << 20],
  ] as const) {
    const body = tail === 0 ? content : Buffer.concat([content, Buffer.alloc(tail, 'x')]);
    const { out } = sandbox();
    extract(archive(raw({ name: 'sparse', body })), out, { pieces });
    expect(readFileSync(join(out, 'sparse')).equals(body)).toBe(true);
    expect(statSync(join(out, 'sparse')).blocks * 512).toBeLessThan(4 << 20);
  }
});

describe('limits', () => {
  const tar = archive(
    raw({ name: 'a', body: 'x'.repeat(600) }),
    raw({ name: 'b', body: 'y'.repeat(600) }),
    raw({ name: 'c', type: '2', link: 't'.repeat(90) }),
  );

  test('an archive with more entries than the limit is refused', () => {
    expect(() => extract(tar, sandbox().out, { maxEntries: 2 })).toThrow(
      expect.objectContaining({ code: 'archive-refused', message: 'the archive holds more than 2 entries' }),
    );
    extract(tar, sandbox().out, { maxEntries: 3 });
  });
});

describe('local failures', () => {
  test('a directory that cannot be written to: exit 5, with the name of the entry', () => {
    const { out } = sandbox();
    mkdirSync(join(out, 'kept'));
    const extractor = asNobody(out, () => new Extractor({ directory: out, warn: () => undefined }));
    chmodSync(join(out, 'kept'), 0o555);
    expect(() =>
      asNobody(out, () =>
        extractor.begin({
          path: Buffer.from('kept/file'),
          type: 'file',
          size: 0,
          mode: 0o644,
          mtimeNs: 0n,
          linkTarget: null,
        }),
      ),
    ).toThrow(
      expect.objectContaining({ code: 'local-not-writable', exit: 5, message: 'cannot write kept/file (EACCES)' }),
    );
    extractor.discard();
    expect(() => new Extractor({ directory: join(out, 'missing'), warn: () => undefined })).toThrow(
      expect.objectContaining({ code: 'local-not-writable' }),
    );
  });

  const disk = peers('mount');
  test.skipIf(disk === undefined || !asRoot())(
    'a full disk: exit 5, with the name of the entry; what was written before stays',
    async () => {
      const { out } = sandbox();
      expect(await run(disk!.mount, ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'depot-test', out])).toMatchObject({
        code: 0,
      });
      cleanup(() => run('umount', [out]));
      expect(() =>
        extract(archive(raw({ name: 'a', body: pattern(100_000) }), raw({ name: 'b', body: pattern(400_000) })), out, {
          pieces: 50_000,
        }),
      ).toThrow(expect.objectContaining({ code: 'local-disk-full', exit: 5, message: 'no room for b (ENOSPC)' }));
      expect(existsSync(join(out, 'a'))).toBe(true);
    },
  );
});

/** Runs `action` without the powers of root, as the owner of `directory`. */
function asNobody<T>(directory: string, action: () => T): T {
  if (process.geteuid?.() !== 0) return action();
  chownSync(directory, 65_534, 65_534);
  chmodSync(join(directory, '..'), 0o755);
  process.seteuid!(65_534);
  try {
    return action();
  } finally {
    process.seteuid!(0);
  }
}
