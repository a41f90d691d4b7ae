import type * as fs from 'node:fs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { Glob, Spellings } from '../src/glob.js';
import { tempDir } from './support/cleanup.js';
import { type Fold, foldCase, foldForm } from './support/folding.js';

const how = vi.hoisted(() => ({ fold: (name: string): string => name }));
vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  const { folding } = await import('./support/folding.js');
  return folding(real, (name) => how.fold(name));
});

const exactly: Fold = (name) => name;
const both: Fold = (name) => foldForm(foldCase(name));

beforeEach(() => {
  how.fold = exactly;
});

/** Whether the pattern matches a file of that path, on a file system that folds so; others lie beside it. */
function matches(fold: Fold, pattern: string, path: string, ...beside: string[]): boolean {
  how.fold = exactly;
  const root = tempDir('glob');
  for (const one of [path, ...beside]) {
    mkdirSync(dirname(join(root, one)), { recursive: true });
    writeFileSync(join(root, one), one);
  }
  how.fold = fold;
  return new Glob(pattern, { dot: true }, 'linux').matches(path, new Spellings(root));
}

const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'];

test.each([
  ['**/*.tmp', 'x/SCAN.TMP'],
  ['Cache/**', 'cache/x'],
  ['geheim/[a-c]*.csv', 'Geheim/Brief.CSV'],
  ['данные', 'ДАННЫЕ'],
  ['ΟΔΟΣ', 'οδος'],
])('%s matches %s where capitals do not tell names apart, and only there', (pattern, path) => {
  expect(matches(foldCase, pattern, path)).toBe(true);
  expect(matches(both, pattern, path)).toBe(true);
  expect(matches(exactly, pattern, path)).toBe(false);
  expect(matches(foldForm, pattern, path)).toBe(false);
});

test.each([
  [`**/${composed}`, `x/${decomposed}`],
  [`${decomposed}/*`, `${composed}/x`],
])('%s matches %s where composition does not tell names apart, and only there', (pattern, path) => {
  expect(matches(foldForm, pattern, path)).toBe(true);
  expect(matches(both, pattern, path)).toBe(true);
  expect(matches(exactly, pattern, path)).toBe(false);
  expect(matches(foldCase, pattern, path)).toBe(false);
});

test('both at once need both', () => {
  const [pattern, path] = [`${composed.toUpperCase()}.txt`, `${decomposed}.txt`];
  expect([exactly, foldCase, foldForm, both].map((fold) => matches(fold, pattern, path))).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

test('names beside each other that differ in capitals show that they tell them apart', () => {
  expect(matches(exactly, 'secret', 'SECRET', 'secret')).toBe(false);
  expect(matches(exactly, '*.txt', 'a.TXT', 'A.txt', 'a.txt')).toBe(false);
});

test('what is no other spelling of the same name stays another name', () => {
  for (const [pattern, path] of [
    ['strasse', 'straße'],
    ['i', 'İ'],
    ['I', 'ı'],
  ] as const)
    expect(matches(foldCase, pattern, path), `${pattern} ${path}`).toBe(false);
});
