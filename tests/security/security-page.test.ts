import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { groups } from '../reliability/table.js';

const page = readFileSync(join(checkout, 'SECURITY.md'), 'utf8');
const threats = page.slice(page.indexOf('## Who could do what'), page.indexOf('## Secrets in memory'));
const named = [...threats.matchAll(/`(tests\/[^`]+)`: "([^"]+(?:"%s"[^"]+)?)"/g)].map(([, file, name]) => ({
  file,
  name,
}));

const literal = (text: string, quote: string): string => `${quote}${text.replaceAll(quote, `\\${quote}`)}${quote}`;

/** Of the tests that the file itself defines, or whose rows it runs. */
function hasTest(file: string, name: string): boolean {
  const path = join(checkout, file);
  if (!existsSync(path)) return false;
  const rows = groups.find((group) => file === `tests/reliability/${group.file}.test.ts`)?.rows ?? [];
  if (rows.some((row) => row.name === name)) return true;
  // The formatter puts a long name on a line of its own.
  const quoted = ["'", '"'].flatMap((quote) => [`(${literal(name, quote)}, `, `${literal(name, quote)},\n`]);
  const source = readFileSync(path, 'utf8');
  return quoted.some((call) => source.includes(call));
}

test('every test that SECURITY.md names is there', () => {
  expect(named.length).toBeGreaterThan(45);
  expect(named.filter(({ file, name }) => !hasTest(file, name))).toEqual([]);
  expect(
    [...page.matchAll(/`(tests\/[^`]+)`/g)]
      .map((match) => match[1])
      .filter((file) => !existsSync(join(checkout, file))),
  ).toEqual([]);
});

test('every line of the threat model names a test', () => {
  const rows = threats.split('\n').filter((line) => line.startsWith('| ') && !line.includes('held by'));
  expect(rows.length).toBeGreaterThan(25);
  expect(rows.filter((row) => !/`tests\/[^`]+`: "/.test(row))).toEqual([]);
});

/** Fields of an object in the receipt's schema, as `dataset.bytes`. */
function fields({ properties = {} }: Fields, within = ''): string[] {
  return Object.entries(properties).flatMap(([name, inner]) => [
    `${within}${name}`,
    ...fields(inner, `${within}${name}.`),
  ]);
}

interface Fields {
  properties?: Record<string, Fields>;
}

test('every field of a receipt is said to be read by whoever finds it', () => {
  const all = fields(JSON.parse(readFileSync(join(checkout, 'schemas/receipt-1.schema.json'), 'utf8')) as Fields);
  expect(all).toEqual(expect.arrayContaining(['schema', 'client.platform', 'ledger.sequence']));
  const start = page.indexOf('**Whoever finds a receipt**');
  const list = page.slice(start, page.indexOf('\n\n|', start));
  // One is said by its own name, or with all that is in what holds it.
  const said = (field: string): boolean =>
    list.includes(`\`${field}\``) ||
    list.includes(`\`${field.split('.')[0]}\``) ||
    all.some((inner) => inner.startsWith(`${field}.`));
  expect(all.filter((field) => !said(field))).toEqual([]);
});

test('control: a test that is not there is found missing', () => {
  expect(
    hasTest('tests/security/law1.test.ts', 'nothing but sealed bytes, receipts and covers reaches the server'),
  ).toBe(true);
  expect(hasTest('tests/security/law1.test.ts', 'nothing but sealed bytes')).toBe(false);
  expect(hasTest('tests/reliability/data.test.ts', 'the link drops again and again')).toBe(true);
  expect(hasTest('tests/reliability/data.test.ts', 'the link dropped')).toBe(false);
});
