import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { load, saysTo, sections } from './configuration.js';
import { example, excluded } from './example.js';

const text = readFileSync(new URL('../../schemas/depot.example.yaml', import.meta.url), 'utf8');
const lines = text.split('\n');

/** Lines that can become part of the file, with those below that belong to each: from where, to where. */
const commented = lines.flatMap((line, from) => {
  const key = /^( *)#(?:- )?([a-z]\w*):/i.exec(line);
  if (key === null) return [];
  const end = lines.findIndex((below, i) => i > from && !below.startsWith(`${key[1]}#  `));
  return [{ name: key[2], from, to: end }];
});

const without = (line: string): string => line.replace('#', '');
const uncommented = (some: typeof commented): string =>
  lines.map((line, i) => (some.some(({ from, to }) => i >= from && i < to) ? without(line) : line)).join('\n');

test('the example is the one that npm run docs writes, has every key, and is valid as it stands', async () => {
  expect(text).toBe(example());
  expect(await saysTo(text)).toEqual([]);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
  const written = new Set([...text.matchAll(/^[ #-]*([a-z]\w*):/gim)].map(([, key]) => key));
  const declared = sections.flatMap(({ keys }) => Object.keys(keys));
  expect(declared.filter((key) => !written.has(key))).toEqual([]);
  expect(commented.length).toBeGreaterThan(40);
});

test.each(commented)('$name can be uncommented alone', async (one) => {
  const changed = uncommented([one]);
  expect(parse(changed)).not.toEqual(parse(text));
  expect(await saysTo(changed)).toEqual([]);
});

test('all can be uncommented together, but for those that exclude each other (publish: direct needs sidecars)', async () => {
  const together = commented.filter(({ name }) => !excluded.has(name) && name !== 'sidecars');
  const config = await load(uncommented(together).replaceAll(/^ *# .*\n/gm, ''));
  expect([...config.arrangements.values()][0].dataset.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['directory', 'file', 'command', 'stdin']),
  );
});
