/// <reference lib="dom" />
import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/dataset/bytestring.js';
import { TarReader } from '../../src/dataset/tar/read.js';
import { Listing } from '../../src/opener/listing.js';
import { Enough } from '../../src/opener/open-blob.js';
import { oneFile } from '../../src/opener/saving.js';
import { fileTarget, MemoryTarget } from '../../src/opener/targets.js';
import { FolderSaver, JoinedFiles } from '../../src/opener/folder.js';
import { NOTES } from '../../src/names/archive.js';
import { FolderTree, newFolder, type Room, TooMuch, UNFINISHED } from '../../src/opener/folder-tree.js';
import { depotTar, type Member } from '../support/depot-tar.js';
import { FakeDirectory } from '../support/folders.js';

async function saved(
  members: Member[],
  room: Room = { bytes: 2 ** 30, entries: 1000 },
  root = new FakeDirectory(),
  { tar, joined } = { tar: new Uint8Array(depotTar(members).tar), joined: new JoinedFiles() },
): Promise<Record<string, string>> {
  const tree = new FolderTree(root as unknown as FileSystemDirectoryHandle, 'linux', room);
  const saver = new FolderSaver(tree, joined, new AbortController().signal);
  await tree.begin();
  const consumer = saver.consumer();
  await consumer.write(tar);
  await consumer.end();
  await tree.finish();
  return Object.fromEntries([...root.files()].map(([path, { text }]) => [path, text]));
}

test('a hard link to a renamed file becomes a copy of that file, not of the one that now has its name', async () => {
  const texts = await saved([
    { path: 'data/READ', body: 'of READ' },
    { path: 'data/read', body: 'of read' },
    { path: 'data/a%3Ab', body: 'percent' },
    { path: 'data/a:b', body: 'colon' },
    { path: 'data/x', type: 'hardlink', link: 'data/READ' },
    { path: 'data/y', type: 'hardlink', link: 'data/read' },
    { path: 'data/z', type: 'hardlink', link: 'data/a:b' },
  ]);
  expect(texts).toMatchObject({
    'data/READ': 'of READ',
    'data/read~2': 'of read',
    'data/a%3Ab': 'percent',
    'data/a%3Ab~2': 'colon',
    'data/x': 'of READ',
    'data/y': 'of read',
    'data/z': 'colon',
  });
});

test('a file in parts is one file in the list, saved alone, and in a folder, even with manifest parts in between', async () => {
  const tar = new Uint8Array(
    depotTar(
      [
        { path: 'data/dump', body: 'first, second, third', partBytes: 7 },
        { path: 'data/other', body: 'other' },
      ],
      { manifestEvery: 2 },
    ).tar,
  );
  const listing = new Listing();
  new TarReader(listing).write(tar);
  const joined = new JoinedFiles();
  joined.add('data/dump' as ByteString);
  const { rows } = listing.rows('', 10);
  expect(rows.map(({ path, parts, size }) => [path, parts, size])).toEqual([
    ['DEPOT/README.md', 1, 14],
    ['data/dump', 3, 20],
    ['DEPOT/manifest.ndjson', 3, expect.any(Number)],
    ['data/other', 1, 5],
  ]);
  for (const [path, text] of [
    ['data/dump', 'first, second, third'],
    ['data/other', 'other'],
    ['DEPOT/manifest.ndjson', /^\{"manifest".*"complete":true\}\n$/s],
  ] as const) {
    const target = new MemoryTarget();
    const { index, parts } = rows.find((row) => row.path === path)!;
    await expect(Promise.resolve(oneFile(target, index, parts).write(tar))).rejects.toThrow(Enough);
    await target.close();
    expect(await target.blob.text()).toMatch(text);
  }
  const texts = await saved([], undefined, undefined, { tar, joined });
  expect(texts).toMatchObject({ 'data/dump': 'first, second, third', 'data/other': 'other' });
  expect(Object.keys(texts).filter((path) => path.startsWith('data/'))).toHaveLength(2);
});

test('the notes overwrite no file of the archive', async () => {
  const texts = await saved([
    { path: NOTES, body: "the archive's own" },
    { path: 'link', type: 'symlink', link: 'elsewhere' },
  ]);
  expect(texts[NOTES]).toBe("the archive's own");
  expect(texts[`${NOTES}~2`]).toContain('link -> elsewhere');
});

test('the notes tell names from their own words, whatever is in them', async () => {
  const texts = await saved([
    { path: 'data/a', body: 'x' },
    { path: 'data/a -> b', type: 'symlink', link: 'c -> d' },
    { path: 'data/e ', type: 'hardlink', link: 'data/a' },
    { path: 'data/f: as g', body: 'x' },
    { path: 'data/h, in which/i:/j', body: 'x' },
  ]);
  expect(texts[NOTES].trimEnd().split('\n')).toEqual([
    "symbolic link, not made: 'data/a -> b' -> 'c -> d'",
    "hard link, saved as a copy: 'data/e ' -> data/a",
    "saved under another name: 'data/f: as g' as 'f%3A as g'",
    "saved under another name: 'data/h, in which/i:', in which i: is i%3A",
  ]);
});

test('files whose names Chromium refuses are saved under other names, which the notes list', async () => {
  const names = ['notes~', 'home.url', 'desktop.ini', 'con', 'dot.', ' blank', '\u{1f468}\u200d\u{1f469}', '..rc'];
  const texts = await saved(
    [...names, ...names.map((name) => `dir/${name}/in`)].map((name) => ({ path: `data/${name}`, body: name })),
    undefined,
    new FakeDirectory({ anyCase: false, strict: true }),
  );
  expect(texts).toMatchObject({
    'data/notes%7E': 'notes~',
    'data/home%2Eurl': 'home.url',
    'data/desktop%2Eini': 'desktop.ini',
    'data/%63on': 'con',
    'data/dot%2E': 'dot.',
    'data/%20blank': ' blank',
    'data/dir/notes%7E/in': 'dir/notes~/in',
  });
  expect(Object.keys(texts).filter((path) => path.startsWith('data/'))).toHaveLength(2 * names.length);
  expect(texts[NOTES].split('\n')).toHaveLength(2 * names.length + 1);
});

test('a folder that another window made in the meantime is left alone', async () => {
  const parent = new FakeDirectory();
  parent.getDirectoryHandle = (name) => {
    const theirs = new FakeDirectory();
    theirs.entries.set('theirs', { kind: 'file', text: 'x', written: 1 });
    parent.entries.set(name, theirs);
    return Promise.resolve(theirs);
  };
  await expect(newFolder(parent as unknown as FileSystemDirectoryHandle, 'opened')).rejects.toMatchObject({
    code: 'output-exists',
  });
  expect(parent.files().has('opened/theirs')).toBe(true);
});

test('an empty file that the person chose to overwrite is not removed after a failure', async () => {
  let removed = false;
  const writable = { write: () => Promise.resolve(), close: () => Promise.resolve(), abort: () => Promise.resolve() };
  const handle = {
    getFile: () => Promise.resolve(new Blob([])),
    createWritable: () => Promise.resolve(writable),
    remove: () => Promise.resolve(void (removed = true)),
  };
  await (await fileTarget(handle as unknown as FileSystemFileHandle)).abort();
  expect(removed).toBe(false);
});

describe('a hostile archive', () => {
  test.each([UNFINISHED, 'data/none', 'none/none', 'data'])(
    'with a hard link to %s, which is no file of its own, is refused',
    async (link) => {
      await expect(
        saved([
          { path: 'data/a', body: '' },
          { path: 'data/x', type: 'hardlink', link },
        ]),
      ).rejects.toMatchObject({
        code: 'archive-refused',
        message: 'a hard link does not point to an earlier file: data/x',
      });
    },
  );

  test('with hard links, each of which becomes a copy, stops at the bound', async () => {
    const members: Member[] = [
      { path: 'data/a', body: 'x'.repeat(1000) },
      ...Array.from({ length: 20 }, (_, i): Member => ({ path: `data/link${i}`, type: 'hardlink', link: 'data/a' })),
    ];
    const error = await saved(members, { bytes: 10_000, entries: 30 }).then(
      () => expect.fail('all was saved'),
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(TooMuch);
    expect(error).toMatchObject({ code: 'archive-refused', most: 10_000 });
    expect(Object.keys(await saved(members, { bytes: 2 ** 20, entries: 30 })).length).toBeGreaterThan(20);
  });

  test('with deep paths is refused if it needs far more directories than it has entries', async () => {
    const deep = (i: number): Member => ({ path: `${`d${i}/`.repeat(500)}f`, body: '' });
    await expect(saved([deep(1), deep(2), deep(3)], { bytes: 2 ** 20, entries: 4 })).rejects.toThrow(
      'far more directories than it has entries',
    );
  });

  test('with more than a thousand files of one name is refused', async () => {
    const same = Array.from({ length: 1100 }, (): Member => ({ path: 'data/a', body: '' }));
    await expect(saved(same, { bytes: 2 ** 20, entries: 2000 })).rejects.toThrow('more than 1000 files of one name');
  });

  test('with too many files in parts is refused, and very long names are not all listed', () => {
    const joined = new JoinedFiles();
    const name = (i: number): ByteString => `data/${String(i).padStart(100_000, 'x')}` as ByteString;
    expect(() => {
      for (let i = 0; i < 100; i++) joined.add(name(i));
    }).toThrow('too many files in parts');
    expect(joined.has(name(0))).toBe(true);
    const listing = new Listing();
    for (let i = 0; i < 500; i++)
      listing.begin({
        path: Buffer.from(name(i)),
        type: 'file',
        size: 0,
        mode: 0o644,
        mtimeNs: 0n,
        linkTarget: null,
      } as never);
    expect(listing.notListed).toBeGreaterThan(100);
    expect(listing.archiveEntries).toBe(500);
  });
});
