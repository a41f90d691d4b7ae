/// <reference lib="dom" />
import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/dataset/bytestring.js';
import { JoinedFiles } from '../../src/opener/joined-files.js';
import { Listing } from '../../src/opener/listing.js';
import { FolderSaver, NOTES, type Room, TooMuch } from '../../src/opener/save.js';
import { depotTar, type Member } from '../support/depot-tar.js';

/** A directory as a browser gives it, in memory; it takes names in any case for the same, as Windows and macOS do. */
class Directory {
  readonly kind = 'directory';
  readonly entries = new Map<string, Directory | { kind: 'file'; text: string }>();

  getDirectoryHandle(name: string, { create = false } = {}): Promise<unknown> {
    if (!this.entries.has(name) && create) this.entries.set(name, new Directory());
    const found = this.entries.get(name);
    return found instanceof Directory ? Promise.resolve(found) : Promise.reject(new DOMException(name, 'NotFoundError'));
  }

  getFileHandle(name: string, { create = false } = {}): Promise<unknown> {
    const known = [...this.entries.keys()].find((other) => other.toLowerCase() === name.toLowerCase()) ?? name;
    if (!this.entries.has(known) && create) this.entries.set(known, { kind: 'file', text: '' });
    const found = this.entries.get(known);
    if (found === undefined) return Promise.reject(new DOMException(name, 'NotFoundError'));
    if (found instanceof Directory) return Promise.reject(new DOMException(name, 'TypeMismatchError'));
    return Promise.resolve({
      getFile: () => Promise.resolve(new Blob([found.text])),
      createWritable: () => {
        found.text = '';
        return Promise.resolve(new Sink(found));
      },
    });
  }

  removeEntry(name: string): Promise<void> {
    this.entries.delete(name);
    return Promise.resolve();
  }

  texts(path = ''): Record<string, string> {
    return Object.assign({}, ...[...this.entries].map(([name, entry]) => (entry instanceof Directory ? entry.texts(`${path}${name}/`) : { [path + name]: entry.text }))) as Record<string, string>;
  }
}

class Sink extends WritableStream<Uint8Array | string> {
  readonly write: (bytes: Uint8Array | string) => Promise<void>;
  override readonly close: () => Promise<void>;

  constructor(file: { text: string }) {
    const write = (bytes: Uint8Array | string): void => void (file.text += typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString());
    super({ write });
    this.write = (bytes) => {
      write(bytes);
      return Promise.resolve();
    };
    this.close = () => Promise.resolve();
  }
}

async function saved(members: Member[], room: Room = { octets: 2 ** 30, entries: 1000 }): Promise<Record<string, string>> {
  const root = new Directory();
  const saver = new FolderSaver(root as unknown as FileSystemDirectoryHandle, new Set(), 'linux', room, new AbortController().signal);
  await saver.begin();
  const consumer = saver.consumer();
  await consumer.write(new Uint8Array(depotTar(members).tar));
  await consumer.end();
  await saver.finish();
  return root.texts();
}

test('a hard link to a file that got another name is a copy of that file, not of the one that has its name', async () => {
  const texts = await saved([
    { path: 'data/READ', body: 'of READ' }, { path: 'data/read', body: 'of read' }, { path: 'data/a%3Ab', body: 'percent' }, { path: 'data/a:b', body: 'colon' },
    { path: 'data/x', type: 'hardlink', link: 'data/READ' }, { path: 'data/y', type: 'hardlink', link: 'data/read' }, { path: 'data/z', type: 'hardlink', link: 'data/a:b' },
  ]);
  expect(texts).toMatchObject({ 'data/READ': 'of READ', 'data/read~2': 'of read', 'data/a%3Ab': 'percent', 'data/a%3Ab~2': 'colon', 'data/x': 'of READ', 'data/y': 'of read', 'data/z': 'colon' });
});

test('the notes are written over no file of the archive', async () => {
  const texts = await saved([{ path: NOTES, body: 'the archive\'s own' }, { path: 'link', type: 'symlink', link: 'elsewhere' }]);
  expect(texts[NOTES]).toBe('the archive\'s own');
  expect(texts[`${NOTES}~2`]).toContain('link -> elsewhere');
});

describe('a hostile archive', () => {
  test('with hard links, each of which becomes a copy, stops at the bound', async () => {
    const members: Member[] = [{ path: 'data/a', body: 'x'.repeat(1000) }, ...Array.from({ length: 20 }, (_, i): Member => ({ path: `data/link${i}`, type: 'hardlink', link: 'data/a' }))];
    const error = await saved(members, { octets: 10_000, entries: 30 }).then(() => expect.fail('all was saved'), (e: unknown) => e);
    expect(error).toBeInstanceOf(TooMuch);
    expect(error).toMatchObject({ code: 'archive-refused', most: 10_000 });
    expect(Object.keys(await saved(members, { octets: 2 ** 20, entries: 30 })).length).toBeGreaterThan(20);
  });

  test('with deep paths makes no more directories than a few for each entry', async () => {
    const deep = (i: number): Member => ({ path: `${`d${i}/`.repeat(500)}f`, body: '' });
    await expect(saved([deep(1), deep(2), deep(3)], { octets: 2 ** 20, entries: 4 })).rejects.toThrow('far more directories than it has entries');
  });

  test('with one name a thousand times and more is refused', async () => {
    const same = Array.from({ length: 1100 }, (): Member => ({ path: 'data/a', body: '' }));
    await expect(saved(same, { octets: 2 ** 20, entries: 2000 })).rejects.toThrow('more than 1000 files of one name');
  });

  test('with ever more files in parts is refused, and with long names is not listed for ever', () => {
    const joined = new JoinedFiles();
    const name = (i: number): ByteString => `data/${String(i).padStart(100_000, 'x')}` as ByteString;
    expect(() => {
      for (let i = 0; i < 100; i++) joined.add(name(i));
    }).toThrow('too many files in parts');
    expect(joined.has(name(0))).toBe(true);
    const listing = new Listing();
    for (let i = 0; i < 500; i++) listing.begin({ path: Buffer.from(name(i)), type: 'file', size: 0, mode: 0o644, mtimeNs: 0n, linkTarget: null } as never);
    expect(listing.notListed).toBeGreaterThan(100);
    expect(listing.archiveEntries).toBe(500);
  });
});
