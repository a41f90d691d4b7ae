import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBytes, fromText } from '../../src/dataset/bytestring.js';
import { WalkOrder } from '../../src/dataset/walk-order.js';

interface Tree {
  [name: string]: Tree | null;
}

/** Bytes that sort around `/`, and names that begin like others. */
const name = fc
  .array(fc.constantFrom(0x01, 0x2d, 0x2e, 0x30, 0x61, 0x62, 0xe9, 0xff), { minLength: 1, maxLength: 3 })
  .map((bytes) => fromBytes(Uint8Array.from(bytes)))
  .filter((bytes) => !/^\.{1,2}$/.test(bytes));
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.dictionary(name, fc.option(tie('tree'), { depthSize: 'small', maxDepth: 3 }), { maxKeys: 4 }),
}));

/** As the packer walks. */
function walk(tree: Tree, prefix: string): { path: string; isDirectory: boolean }[] {
  return Object.keys(tree)
    .sort((a, b) => (a < b ? -1 : 1))
    .flatMap((key) => {
      const inner = tree[key] ?? null;
      return [
        { path: `${prefix}${key}`, isDirectory: inner !== null },
        ...(inner === null ? [] : walk(inner, `${prefix}${key}/`)),
      ];
    });
}

function wrongs(entries: { path: string; isDirectory: boolean }[]): (string | null)[] {
  const order = new WalkOrder();
  return entries
    .map(({ path, isDirectory }) => order.next(fromBytes(Buffer.from(path, 'latin1')), isDirectory))
    .filter((wrong) => wrong !== null);
}

test('any tree in walk order is accepted, and any path that comes a second time is found', () => {
  fc.assert(
    fc.property(tree, fc.nat(), fc.nat(), (found, which, where) => {
      const entries = walk({ source: found }, 'data/');
      expect(wrongs(entries)).toEqual([]);
      const entry = entries[which % entries.length];
      const twice = entries.toSpliced(where % (entries.length + 1), 0, entry);
      expect(wrongs(twice)).not.toEqual([]);
    }),
  );
});

test('sources may come in any order, but each only once', () => {
  const order = new WalkOrder();
  expect(
    ['DEPOT/README.md', 'data/b', 'data/a', 'data/c', 'data/a'].map((path) => order.next(fromText(path), false)),
  ).toEqual([null, null, null, null, 'comes twice']);
});

test('no other entry may have the name that the manifest parts join to', () => {
  for (const isDirectory of [false, true])
    expect(new WalkOrder().next(fromText('DEPOT/manifest.ndjson'), isDirectory)).toBe('comes twice');
  expect(new WalkOrder().next(fromText('data/manifest.ndjson'), false)).toBeNull();
});
