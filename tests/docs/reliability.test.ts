import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';

const page = readFileSync(join(checkout, 'docs/reliability.md'), 'utf8');
const named = [...page.matchAll(/`(tests\/[^`]+)`: "([^"]+)"/g)].map(([, file, name]) => ({ file, name }));

const literal = (text: string, quote: string): string => `${quote}${text.replaceAll(quote, `\\${quote}`)}${quote}`;

function hasTest(file: string, name: string): boolean {
  const path = join(checkout, file);
  if (!existsSync(path)) return false;
  const source = readFileSync(path, 'utf8');
  // The formatter puts a long name on a line of its own.
  const calls = ["'", '"'].flatMap((quote) => [`(${literal(name, quote)}, `, `${literal(name, quote)},\n`]);
  return calls.some((call) => source.includes(call));
}

test('every test that the page names beside its tables of faults is there', () => {
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ file, name }) => !hasTest(file, name))).toEqual([]);
});
