import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  editsOf,
  LargeFileTree,
  RewrittenTree,
  SmallFilesTree,
  SupplierTree,
  type DumpForm,
  type Tree,
} from '../../bench/nights-data.js';

const work = mkdtempSync(join(tmpdir(), 'depot-nights-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const size = { rows: 5000, attachments: 2500, media: 1 };

let made = 0;
function directory(): string {
  const path = join(work, String(made++));
  mkdirSync(path);
  return path;
}

/** Path → SHA-256 of every file. */
function listing(root: string): Map<string, string> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(root, name)).isFile(),
  );
  return new Map(
    files.sort().map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(root, name)))
        .digest('hex'),
    ]),
  );
}

function rowsIn(tree: Tree, name = 'crm.sql'): string[] {
  const lines = readFileSync(join(tree.directory, 'dump', name), 'latin1').split('\n');
  return lines.slice(lines.findIndex((line) => line.startsWith('COPY ')) + 1, lines.indexOf('\\.'));
}

function firstNight(form: DumpForm = 'plain'): SupplierTree {
  const tree = new SupplierTree(directory(), size, form);
  tree.make();
  return tree;
}

test.each<[string, (directory: string) => Tree]>([
  ['the supplier', (d) => new SupplierTree(d, size)],
  ['the supplier with a dated dump', (d) => new SupplierTree(d, size, 'dated')],
  ['the supplier with a moved block', (d) => new SupplierTree(d, size, 'moved')],
  ['rewritten attachments', (d) => new RewrittenTree(d, size)],
  ['small files', (d) => new SmallFilesTree(d, 2000)],
  ['a large file', (d) => new LargeFileTree(d, 2)],
])('two trees of %s have the same names and bytes on each of three nights', (_, treeIn) => {
  const [one, other] = [treeIn(directory()), treeIn(directory())];
  const nights: Map<string, string>[] = [];
  for (let night = 1; night <= (one instanceof RewrittenTree ? 2 : 3); night++) {
    for (const tree of [one, other]) {
      if (night === 1) tree.make();
      else tree.next();
    }
    nights.push(listing(one.directory));
    expect(listing(other.directory)).toEqual(nights.at(-1));
  }
  expect(nights[1]).not.toEqual(nights[0]);
});

test('a night changes, appends, renames and removes what it says, and touches nothing else', () => {
  const tree = firstNight();
  const edits = editsOf(size);
  expect(edits).toEqual({
    changedRows: 25,
    appendedRows: 10,
    changedAttachments: 25,
    renamedAttachments: 1,
    removedAttachments: 1,
  });
  for (let night = 2; night <= 4; night++) {
    const rows = rowsIn(tree);
    const before = listing(tree.directory);
    const writtenAt = new Map([...before.keys()].map((name) => [name, statSync(join(tree.directory, name)).mtimeMs]));
    tree.next();
    const rowsAfter = rowsIn(tree);
    const after = listing(tree.directory);

    expect(rowsAfter.length).toBe(rows.length + edits.appendedRows);
    const changed = rows.flatMap((row, i) => (row === rowsAfter[i] ? [] : [i]));
    expect(changed.length).toBe(edits.changedRows);
    expect(changed.at(-1)! - changed[0]).toBeGreaterThan(size.rows / 2);
    for (const i of changed) expect(rowsAfter[i].split('\t')[0]).toBe(rows[i].split('\t')[0]);

    const gone = [...before.keys()].filter((name) => !after.has(name));
    const fresh = [...after.keys()].filter((name) => !before.has(name));
    expect(gone.length).toBe(edits.renamedAttachments + edits.removedAttachments);
    expect(fresh.length).toBe(edits.renamedAttachments);
    for (const name of fresh) expect(gone.map((path) => before.get(path))).toContain(after.get(name));
    const other = [...after].filter(([name, sha256]) => before.has(name) && before.get(name) !== sha256);
    expect(other.length).toBe(edits.changedAttachments + 1);
    for (const [name, sha256] of after)
      if (before.get(name) === sha256) expect(statSync(join(tree.directory, name)).mtimeMs).toBe(writtenAt.get(name));
  }
});

test('a dated dump has a new name each night, and the bytes of one that keeps its name', () => {
  const [dated, plain] = [firstNight('dated'), firstNight()];
  for (const tree of [dated, plain]) tree.next();
  expect(readdirSync(join(dated.directory, 'dump'))).toEqual(['crm-night-2.sql']);
  expect(rowsIn(dated, 'crm-night-2.sql')).toEqual(rowsIn(plain));
});

test('a moved block has the same rows, and a tenth of them at the front', () => {
  const [moved, plain] = [firstNight('moved'), firstNight()];
  expect(rowsIn(moved)).toEqual(rowsIn(plain));
  for (const tree of [moved, plain]) tree.next();
  const rows = rowsIn(plain);
  expect(rowsIn(moved)).toEqual([...rows.slice(2250, 2750), ...rows.slice(0, 2250), ...rows.slice(2750)]);
});

test('rewritten attachments are newer and have the same bytes, and one folder has another name', () => {
  const tree = new RewrittenTree(directory(), size);
  tree.make();
  const before = listing(tree.directory);
  const writtenAt = (): number => statSync(join(tree.directory, 'attachments', '01', '000001.bin')).mtimeMs;
  const written = writtenAt();
  tree.next();
  expect(writtenAt()).not.toBe(written);
  const renamed = [...before].map(([name, sha256]) => [
    name.replace('attachments/00/', 'attachments/renamed/'),
    sha256,
  ]);
  expect(listing(tree.directory)).toEqual(new Map(renamed as [string, string][]));
});

test('one small file in a thousand has other bytes the next night', () => {
  const tree = new SmallFilesTree(directory(), 3000);
  tree.make();
  const before = listing(tree.directory);
  tree.next();
  const after = listing(tree.directory);
  expect([...after.keys()]).toEqual([...before.keys()]);
  expect([...after].filter(([name, sha256]) => before.get(name) !== sha256).length).toBe(3);
});
