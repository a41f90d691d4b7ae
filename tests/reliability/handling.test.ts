/**
 * Removing the handling makes its row fail. Each needs a build of its own, so that the suite takes every tenth by itself;
 * DEPOT_TEST_CONTROLS=all takes all, which CI asks for once.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { alteredDepot } from '../support/altered.js';
import { handlings } from './handling.js';
import { hold } from './row.js';
import { groups } from './table.js';

const rows = new Map(groups.flatMap((group) => group.rows.map((row) => [row.name, row] as const)));
const every = process.env['DEPOT_TEST_CONTROLS'] === 'all' ? 1 : 10;

test('every handling belongs to a row, and every row is met once at most by the same change', () => {
  expect(handlings.filter(({ row }) => !rows.has(row))).toEqual([]);
  expect(new Set(handlings.map(({ file, of }) => `${file} ${of}`)).size).toBe(handlings.length);
  expect(handlings.filter(({ file, of }) => !readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8').includes(of))).toEqual([]);
});

test('control: a build that differs in nothing but a comment holds its row', { timeout: 180_000 }, async () => {
  await hold(rows.get('the link drops')!, await alteredDepot({ 'deposit/deposit.ts': (source) => `// the same\n${source}` }));
});

describe('found out, without:', () => {
  test.each(handlings.filter((_, i) => i % every === 0))('$what', { timeout: 180_000 }, async ({ file, of, without, row: name }) => {
    const row = rows.get(name)!;
    if (row.skip === true) return;
    const program = await alteredDepot({ [file]: (source) => source.replace(of, () => without) });
    await expect(hold(row, program)).rejects.toThrow();
  });
});
