/** docs/reliability.md and the tests say the same: a row without its test, or a test without its row, is an error. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { groups, tables } from './table.js';

const page = join(checkout, 'docs/reliability.md');
const markers = /(<!-- table: held equal to the tests -->\n)[^]*?(<!-- end of table -->)/;

test('the tables of docs/reliability.md match the rows of the tests', () => {
  const text = readFileSync(page, 'utf8');
  const expected = text.replace(markers, (_, begin: string, end: string) => `${begin}\n${tables()}\n${end}`);
  // After a change of the rows: DEPOT_TEST_WRITE=1, and read the diff.
  if (process.env['DEPOT_TEST_WRITE'] === '1') writeFileSync(page, expected);
  expect(text).toMatch(markers);
  expect(readFileSync(page, 'utf8')).toBe(expected);
});

test('every group is run, and every test has its own name', () => {
  const files = readdirSync(join(checkout, 'tests/reliability/rows')).sort();
  expect(groups.map(({ file }) => `${file}.ts`).sort()).toEqual(files);
  for (const { file, heading } of groups) {
    const source = readFileSync(join(checkout, `tests/reliability/${file}.test.ts`), 'utf8');
    expect(source).toContain(`runRows('${heading}'`);
    expect(source).toContain(`'./rows/${file}.js'`);
  }
  const names = groups.flatMap(({ rows }) => rows.map((row) => row.name));
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(60);
});
