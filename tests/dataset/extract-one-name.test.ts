/** Names that are two in the archive, and one for this file system: nothing is lost, and nothing goes over anything. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type * as fs from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { fromText } from '../../src/dataset/bytestring.js';
import { depotTar, type Member } from '../support/depot-tar.js';
import { extract, sandbox } from '../support/extraction.js';
import { archive, pax, raw } from '../support/hostile-tar.js';
import type { Step } from '../support/increment-tar.js';
import { crm, listing, restore } from './assembling.js';

vi.mock('node:fs', async (original) => {
  const { foldCase, foldForm, folding } = await import('../support/folding.js');
  return folding(await original<typeof fs>(), (name) => foldForm(foldCase(name)));
});

const NOTES = 'NOT-AS-IN-THE-ARCHIVE.txt';
const file = (name: string, body = name) => raw({ name, body });

/** What lies there, and what the list says. */
function extracted(tar: Buffer): { files: Record<string, string>; notes: string[] } {
  const { out } = sandbox();
  const { warnings } = extract(tar, out);
  const notes = readFileSync(join(out, NOTES), 'utf8').trimEnd().split('\n');
  expect(warnings).toEqual(notes);
  return {
    files: Object.fromEntries(
      Object.entries(listing(out, '.'))
        .filter(([path]) => !path.startsWith(`./${NOTES}`))
        .map(([path, what]) => [path.slice(2), what.replace(/^\d+ /, '')]),
    ),
    notes,
  };
}

test('files whose names differ only in case each get a name, with a number', () => {
  expect(extracted(archive(file('Read.me'), file('README'), file('read.ME'), file('READ.me')))).toEqual({
    files: { 'Read.me': 'Read.me', README: 'README', 'read.ME~2': 'read.ME', 'READ.me~3': 'READ.me' },
    notes: ['saved under another name: read.ME as read.ME~2', 'saved under another name: READ.me as READ.me~3'],
  });
});

test('so do names that differ only in how an accent is encoded', () => {
  const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'];
  const { files } = extracted(
    archive(...[decomposed, composed].flatMap((name) => [pax({ path: name }), raw({ body: name })])),
  );
  expect(files).toEqual({ [decomposed]: decomposed, [`${composed}~2`]: composed });
});

test('the number is never that of another entry', () => {
  expect(extracted(archive(file('a'), file('A'), file('A~2', 'real')))).toEqual({
    files: { a: 'a', 'A~2': 'A', 'A~2~2': 'real' },
    notes: ['saved under another name: A as A~2', 'saved under another name: A~2 as A~2~2'],
  });
});

test.each([
  ['a link and a file', archive(file('a'), raw({ name: 'A', type: '2', link: 'x' })), { a: 'a', 'A~2': '-> x' }],
  [
    'a hard link and a file',
    archive(file('a'), file('b'), raw({ name: 'A', type: '1', link: 'b' })),
    { a: 'a', 'A~2': 'b', b: 'b' },
  ],
  ['a file and a directory', archive(file('a'), file('A/b')), { a: 'a', 'A~2': '755', 'A~2/b': 'A/b' }],
])('%s', (_, tar, files) => {
  expect(extracted(tar).files).toEqual(files);
});

const members: Member[] = [
  crm,
  { path: 'data/crm/Docs', type: 'directory' },
  { path: 'data/crm/Docs/Readme', body: 'one' },
  { path: 'data/crm/docs', type: 'directory' },
  { path: 'data/crm/docs/Readme', body: 'two' },
  { path: 'data/crm/hard', type: 'hardlink', link: 'data/crm/docs/Readme' },
  { path: 'data/crm/soft', type: 'symlink', link: './docs/../docs/Readme' },
];

test('two directories of depot keep their contents apart, and links lead to the right ones', () => {
  const { out } = sandbox();
  expect(extract(depotTar(members).tar, out)).toMatchObject({
    manifest: { problems: [] },
    warnings: ['saved under another name: data/crm/docs as docs~2'],
  });
  const read = (path: string) => readFileSync(join(out, 'data/crm', path), 'utf8');
  expect([read('Docs/Readme'), read('docs~2/Readme'), read('hard'), read('soft')]).toEqual([
    'one',
    'two',
    'two',
    'two',
  ]);
  expect(readlinkSync(join(out, 'data/crm/soft'))).toBe('./docs~2/../docs~2/Readme');
});

test('a link that leads outside keeps its target', () => {
  const { out } = sandbox();
  extract(
    archive(
      file('a'),
      file('A'),
      raw({ name: 'up', type: '2', link: '../../A' }),
      raw({ name: 'abs', type: '2', link: '/A' }),
    ),
    out,
  );
  expect([readlinkSync(join(out, 'up')), readlinkSync(join(out, 'abs'))]).toEqual(['../../A', '/A']);
});

test('nothing passes through a link whose name a directory could have', () => {
  const { directory, out } = sandbox();
  extract(archive(raw({ name: 'A', type: '2', link: '..' }), file('a/outside', 'evil')), out);
  expect(readFileSync(join(directory, 'outside'), 'utf8')).toBe('untouched');
  expect(readFileSync(join(out, 'a/outside'), 'utf8')).toBe('evil');
});

test('a chain: files of every night keep their contents, and what is gone gives its name back', () => {
  const { out } = restore(
    [
      crm,
      { path: 'data/crm/A', body: 'A of the first' },
      { path: 'data/crm/B', body: 'B' },
      { path: 'data/crm/a', body: 'a of the first' },
    ],
    [
      {
        steps: [
          crm,
          { path: 'data/crm/C', body: 'C' },
          { path: 'data/crm/a', body: 'a of the second' },
          { path: 'data/crm/b', body: 'b' },
          { path: 'data/crm/c', body: 'c' },
        ],
      },
    ],
  );
  const found = Object.values(listing(out)).map((what) => what.replace(/^\d+ /, ''));
  expect(found.sort()).toEqual(['755', 'A of the first', 'B', 'C', 'a of the second', 'b', 'c'].sort());
  expect(readFileSync(join(out, NOTES), 'utf8')).toBe(
    ['a as a~3', 'b as b~2', 'c as c~2'].map((what) => `saved under another name: data/crm/${what}\n`).join(''),
  );
});

test('a chain: a new hard link goes over no file, and one that is removed takes no other along', () => {
  const night = (...steps: Step[]) => ({ steps: [crm, ...steps] });
  const { out } = restore(
    [crm, { path: 'data/crm/A', body: 'A' }, { path: 'data/crm/B', body: 'B' }],
    [
      night({ path: 'data/crm/a', body: 'a' }, { line: 'data/crm/b h 0644 1700000000 data/crm/A' }),
      night({ line: 'data/crm/a -' }),
    ],
  );
  const read = (name: string) => readFileSync(join(out, 'data/crm', name), 'utf8');
  expect([read('A'), read('B'), read('b~2')]).toEqual(['A', 'B', 'A']);
  expect(readdirSync(join(out, 'data/crm')).sort()).toEqual(['A', 'B', 'b~2']);
});

test('the exact same name twice is still called something that no honest tool makes', () => {
  expect(() => extract(archive(file('a'), file('a')), sandbox().out)).toThrow(
    expect.objectContaining({
      message: "an entry's name is taken by an earlier one: a",
      hint: expect.stringContaining('another tool'),
    }),
  );
});

test('a name that is too long for the file system gets a short one', () => {
  const name = `${'long '.repeat(60)}end`;
  const { out } = sandbox();
  const { warnings } = extract(depotTar([{ path: `data/${name}`, body: 'kept' }]).tar, out);
  const local = / as '(.*)'$/.exec(warnings[0])![1];
  expect(readFileSync(join(out, 'data', local), 'utf8')).toBe('kept');
  expect(Buffer.from(fromText(local)).length).toBeLessThan(100);
  expect(statSync(join(out, 'data')).isDirectory()).toBe(true);
});
