import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { exits } from '../../src/texts/exits.js';
import { file, withExitCodes } from './exit-codes.js';

const page = readFileSync(file, 'utf8');

test('docs/exit-codes.md has every exit status and code of the program, and no other (npm run docs)', () => {
  expect(page).toBe(withExitCodes(page));
});

test('control: a missing row, a missing code and an exit status without a section are found', () => {
  for (const part of ['| [32](#32-ledger)', ', `config-unreadable`']) {
    expect(page).toContain(part);
    expect(withExitCodes(page.replace(part, '| [33](#33)'))).toBe(page);
  }
  expect(() => withExitCodes(page.replace('## 32: ', '## 33: '))).toThrow(/no section for exit status 32/);
});

test('each section with a number lists the codes of that number', () => {
  const listed = [...page.matchAll(/^Codes: (.*)$/gm)].flatMap(([, codes]) =>
    [...codes.matchAll(/`([^`]+)`/g)].map(([, code]) => code),
  );
  expect(listed.sort()).toEqual(
    Object.values(exits)
      .flatMap(({ codes }) => codes as readonly string[])
      .sort(),
  );
});
