import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { texts } from '../support/pages.js';

const here = 'tests/docs/citations.test.ts';
const architecture = 'docs/architecture.md';
/** The page on which depot was first sketched, which is in no repository. */
const elsewhere = /DESIGN|[Dd]esign (?:section|page)/;

/** Whether a text cites a law by its number, and nowhere says where the laws stand. */
function citesBareLaw(text: string): boolean {
  return /\b[Ll]aws? \d/.test(text) && !text.includes(architecture);
}

test('texts cite only what is in the repository, and cite a law with its page', () => {
  const others = texts().filter(({ file }) => file !== here && file !== architecture);
  expect(others.filter(({ text }) => elsewhere.test(text)).map(({ file }) => file)).toEqual([]);
  expect(others.filter(({ text }) => citesBareLaw(text)).map(({ file }) => file)).toEqual([]);
});

test('every page of docs/ that a text names exists', () => {
  const named = texts().flatMap(({ text }) => text.match(/\bdocs\/[\w/-]+(?:\.nl)?\.md\b/g) ?? []);
  expect(named.length).toBeGreaterThan(50);
  expect([...new Set(named)].filter((page) => !existsSync(join(checkout, page)))).toEqual([]);
});

test('control: wrong citations are found', () => {
  expect(elsewhere.test('in the same partial (DESIGN section 7)')).toBe(true);
  expect(citesBareLaw('sealed bytes may leave (law 1)')).toBe(true);
  expect(citesBareLaw('sealed bytes may leave (law 1 of docs/architecture.md)')).toBe(false);
});
