import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { readPage } from '../support/pages.js';

const records = readdirSync(join(checkout, 'docs/decisions')).filter((name) => name !== 'README.md');

test('every decision has its own number, in its file name and its heading', () => {
  const numbers = records.map((name) => name.slice(0, 4));
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const name of records)
    expect(readPage(`docs/decisions/${name}`), name).toMatch(new RegExp(`^# ${Number(name.slice(0, 4))}\\. `));
});

test('the index lists every decision, in order, and nothing else', () => {
  const listed = [...readPage('docs/decisions/README.md').matchAll(/^\| \[(\d+)\]\(([^)]+)\) \| \S.* \| \S.* \|$/gm)];
  expect(listed.map(([, number, name]) => [Number(number), name])).toEqual(
    records.sort().map((name) => [Number(name.slice(0, 4)), name]),
  );
});
