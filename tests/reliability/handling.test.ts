/** Without its handling, a row fails. Each check needs a build of its own, so this file makes every tenth; `controls.long.test.ts` makes all. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { alteredDepot } from '../support/altered.js';
import { handlings } from './handling.js';
import { foundOutWithout, rows } from './removed.js';
import { hold } from './row.js';

test('every handling names an existing row, and changes text that occurs exactly once in its file', () => {
  expect(handlings.filter(({ row }) => !rows.has(row))).toEqual([]);
  expect(new Set(handlings.map(({ file, of }) => `${file} ${of}`)).size).toBe(handlings.length);
  expect(
    handlings.filter(
      ({ file, of }) => readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8').split(of).length !== 2,
    ),
  ).toEqual([]);
});

test('control: a build that differs only in a comment passes its row', { timeout: 180_000 }, async () => {
  await hold(
    rows.get('the link drops')!,
    await alteredDepot({ 'push/deposit.ts': (source) => `// the same\n${source}` }),
  );
});

foundOutWithout(handlings.filter((_, i) => i % 10 === 0));
