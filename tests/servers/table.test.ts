/** docs/servers.md and the rows say the same, so that neither is changed alone. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { expected, rowsTable, serversTable } from './expected.js';
import { programs } from './programs.js';

const page = join(checkout, 'docs/servers.md');

test('the tables of docs/servers.md are those of the tests', () => {
  const text = readFileSync(page, 'utf8');
  let made = text;
  for (const [name, table] of [
    ['servers', serversTable()],
    ['rows', rowsTable()],
  ] as const) {
    const marked = new RegExp(`(<!-- ${name}: held equal to the tests -->\\n)[^]*?(<!-- end of ${name} -->)`);
    expect(text).toMatch(marked);
    made = made.replace(marked, (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`);
  }
  // After a change of the rows: DEPOT_TEST_WRITE=1, and read the diff.
  if (process.env['DEPOT_TEST_WRITE'] === '1') writeFileSync(page, made);
  expect(readFileSync(page, 'utf8')).toBe(made);
});

test('every server has a test file, and a section in docs/servers.md', () => {
  expect(Object.keys(expected).sort()).toEqual(Object.keys(programs).sort());
  const text = readFileSync(page, 'utf8');
  for (const [id, { name }] of Object.entries(programs)) {
    expect(readFileSync(join(checkout, `tests/servers/${id}.test.ts`), 'utf8')).toContain(`runRows('${id}')`);
    expect(text).toMatch(new RegExp(`^## ${name.split(',')[0].replace(/ serve sftp| with mod_sftp/, '')}`, 'm'));
  }
});
