import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';

const page = readFileSync(join(checkout, 'docs/reliability.md'), 'utf8');
const named = [...page.matchAll(/`(tests\/[^`]+)`: "([^"]+)"/g)].map(([, file, name]) => ({ file, name }));

function hasTest(file: string, name: string): boolean {
  const path = join(checkout, file);
  const quoted = `'${name.replaceAll("'", "\\'")}'`;
  return (
    existsSync(path) &&
    readFileSync(path, 'utf8')
      .split('\n')
      .some((line) => line.includes(`(${quoted}, `))
  );
}

test('every test that the page names beside its tables of faults is there', () => {
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ file, name }) => !hasTest(file, name))).toEqual([]);
});
