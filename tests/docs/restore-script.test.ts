import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { restoreScript } from '../../src/dataset/restore-script.js';
import { beneficiaryPage, scriptOn, withScript } from './restore-script.js';

const page = readFileSync(beneficiaryPage, 'utf8');

test('docs/beneficiary.md has the script that goes into increments (npm run docs)', () => {
  expect(page).toBe(withScript(page));
  expect(scriptOn(page)).toBe(Buffer.from(restoreScript()).toString());
});

test('control: a line that differs is found', () => {
  expect(withScript(page.replace('set -eu', 'set -e'))).toBe(page);
});
