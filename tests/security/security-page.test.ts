import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';

test('SECURITY.md names test files that exist, and every table row names one where it says who holds it', () => {
  const page = readFileSync(join(checkout, 'SECURITY.md'), 'utf8');
  const named = [...page.matchAll(/`(tests\/[^`]+)`/g)].map((match) => match[1]);
  expect(named.length).toBeGreaterThan(25);
  expect([...new Set(named)].filter((file) => !existsSync(join(checkout, file)))).toEqual([]);
  const threats = page.slice(page.indexOf('## Who could do what'), page.indexOf('## Secrets in memory'));
  const rows = threats.split('\n').filter((line) => line.startsWith('| ') && !line.includes('held by'));
  expect(rows.filter((row) => !row.includes('`tests/'))).toEqual([]);
});
