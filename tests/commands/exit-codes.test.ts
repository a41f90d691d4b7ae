import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { exitMeanings } from '../../src/commands/help.js';
import { exitStatus } from '../../src/errors.js';

const page = readFileSync(new URL('../../docs/exit-codes.md', import.meta.url), 'utf8');
const sections = page
  .split(/^## /m)
  .slice(1)
  .flatMap((section) => {
    const codes = /^Codes: (.*)$/m.exec(section)?.[1];
    return codes === undefined
      ? []
      : [
          {
            numbers: section.slice(0, section.indexOf(':')).split(', ').map(Number),
            codes: [...codes.matchAll(/`([^`]+)`/g)].map((m) => m[1]),
          },
        ];
  });

test('the page lists every code of the program, and no other', () => {
  expect(sections.flatMap((s) => s.codes).sort()).toEqual(Object.keys(exitStatus).sort());
});

test('each code stands under its own number', () => {
  const listed = sections.flatMap(({ numbers, codes }) =>
    codes.map((code) => ({ code, fits: numbers.includes(exitStatus[code as keyof typeof exitStatus]) })),
  );
  expect(listed.filter((l) => !l.fits)).toEqual([]);
});

test('the table at the top has every number once, and each link leads to a section', () => {
  const rows = [...page.matchAll(/^\| \[([\d, ]+)\]\(#([^)]+)\)/gm)];
  const numbers = rows.flatMap((row) => row[1].split(', ').map(Number));
  expect([...numbers].sort((a, b) => a - b)).toEqual([0, ...new Set(Object.values(exitStatus))].sort((a, b) => a - b));
  const anchors = [...page.matchAll(/^## (.*)$/gm)].map((m) =>
    m[1]
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replace(/ /g, '-'),
  );
  for (const [, , anchor] of rows) expect(anchors).toContain(anchor);
});

test('--help knows the meaning of every exit status', () => {
  expect(
    Object.keys(exitMeanings)
      .map(Number)
      .sort((a, b) => a - b),
  ).toEqual([...new Set([0, ...Object.values(exitStatus)])].sort((a, b) => a - b));
});
