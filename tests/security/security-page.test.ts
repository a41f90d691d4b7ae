import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { hasTest, namedTests, readPage } from '../support/pages.js';

const page = readPage('SECURITY.md');
const threats = page.slice(page.indexOf('## Who could do what'), page.indexOf('## Secrets in memory'));
const named = namedTests(threats);

test('every test that SECURITY.md names exists', () => {
  expect(named.length).toBeGreaterThan(45);
  expect(named.filter((one) => !hasTest(one))).toEqual([]);
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

test('SECURITY.md lists every field of a receipt as readable by whoever finds it', () => {
  const all = fields(JSON.parse(readPage('schemas/receipt-2.schema.json')) as Fields);
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

test('control: a test that does not exist is reported missing', () => {
  const law1 = 'tests/security/law1.test.ts';
  const data = 'tests/reliability/data.test.ts';
  expect(hasTest({ file: law1, name: 'nothing but sealed bytes, receipts and covers reaches the server' })).toBe(true);
  expect(hasTest({ file: law1, name: 'nothing but sealed bytes' })).toBe(false);
  expect(hasTest({ file: data, name: 'the link drops again and again' })).toBe(true);
  expect(hasTest({ file: data, name: 'the link dropped' })).toBe(false);
});
