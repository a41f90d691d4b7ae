/** Names that this file system refuses: each entry gets one that it takes. */
import type * as fs from 'node:fs';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { depotTar } from '../support/depot-tar.js';
import { extract, sandbox } from '../support/extraction.js';
import { archive, pax, raw } from '../support/hostile-tar.js';
import { crm, listing, restore } from './assembling.js';

/** As exFAT does, and no accents either. */
vi.mock('node:fs', async (original) => {
  const { folding } = await import('../support/folding.js');
  return folding(
    await original<typeof fs>(),
    (name) => name,
    (name) => /[:?\u0080-\uffff]/.test(name),
  );
});

test('every entry is there, links lead to it, and the list says under which name', () => {
  const { out } = sandbox();
  const { warnings } = extract(
    depotTar([
      crm,
      { path: 'data/crm/a:b', type: 'directory' },
      { path: 'data/crm/a:b/caf\u00e9', body: 'coffee' },
      { path: 'data/crm/hard', type: 'hardlink', link: 'data/crm/a:b/caf\u00e9' },
      { path: 'data/crm/soft', type: 'symlink', link: 'a:b/caf\u00e9' },
    ]).tar,
    out,
  );
  const read = (path: string) => readFileSync(join(out, 'data/crm', path), 'utf8');
  expect([read('a%3Ab/caf%C3%A9'), read('hard'), read('soft')]).toEqual(['coffee', 'coffee', 'coffee']);
  expect(warnings).toEqual([
    'saved under another name: data/crm/a:b as a%3Ab',
    'saved under another name: data/crm/a:b/caf\u00e9 as caf%C3%A9',
  ]);
});

test.each([
  ['a longer one than any file system takes', 'd'.repeat(300)],
  ['characters that it refuses', 'a:b'],
])('a directory that only the path of a file names, with %s, is made under another name too', (_, name) => {
  const { out } = sandbox();
  const path = `${name}/file`;
  const { warnings } = extract(archive(pax({ path }), raw({ body: 'found' })), out);
  const [made] = readdirSync(out).filter((one) => !one.endsWith('.txt'));
  expect(readFileSync(join(out, made, 'file'), 'utf8')).toBe('found');
  expect(warnings).toEqual([expect.stringMatching(new RegExp(`^saved under another name: .* as ${made}$`))]);
});

test('in a chain too', () => {
  const { out } = restore(
    [crm, { path: 'data/crm/a?', body: 'first' }, { path: 'data/crm/b?', body: 'gone' }],
    [
      {
        steps: [
          crm,
          { path: 'data/crm/a?', body: 'second' },
          { line: 'data/crm/b\\0077 -' },
          { path: 'data/crm/c?', body: 'new' },
        ],
      },
    ],
  );
  expect(Object.fromEntries(Object.entries(listing(out)).filter(([path]) => path !== 'data/crm'))).toEqual({
    'data/crm/a%3F': '644 second',
    'data/crm/c%3F': '644 new',
  });
});

test('the list tells names from its own words, whatever is in them', () => {
  const { out } = sandbox();
  extract(archive(...['a: as b', 'c: ', "it's:", 'plain:'].map((name) => raw({ name }))), out);
  expect(readFileSync(join(out, 'NOT-AS-IN-THE-ARCHIVE.txt'), 'utf8').trimEnd().split('\n')).toEqual(
    ["'a: as b' as 'a%3A as b'", "'c: ' as c%3A%20", "'it'\\''s:' as 'it'\\''s%3A'", 'plain: as plain%3A'].map(
      (names) => `saved under another name: ${names}`,
    ),
  );
});

test('the list has a name of its own where the archive has a file of that name, and a warning says so', () => {
  const { out } = sandbox();
  const notes = 'NOT-AS-IN-THE-ARCHIVE.txt';
  const { warnings } = extract(archive(raw({ name: notes, body: 'all is well' }), raw({ name: 'a:b' })), out);
  expect(readdirSync(out).sort()).toEqual(['NOT-AS-IN-THE-ARCHIVE.txt', 'NOT-AS-IN-THE-ARCHIVE~2.txt', 'a%3Ab']);
  expect(readFileSync(join(out, 'NOT-AS-IN-THE-ARCHIVE~2.txt'), 'utf8')).toBe(
    'saved under another name: a:b as a%3Ab\n',
  );
  expect(warnings.at(-1)).toBe(
    `the archive has a file ${notes}; the list of what is not as in the archive is NOT-AS-IN-THE-ARCHIVE~2.txt`,
  );
});
