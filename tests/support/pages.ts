/** What the documents name, and whether it exists: files, tests, npm scripts. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { groups } from '../reliability/table.js';
import { checkout } from './cli.js';

export interface NamedTest {
  file: string;
  name: string;
}

export function readPage(name: string): string {
  return readFileSync(join(checkout, name), 'utf8');
}

/** Every `` `tests/…`: "name of a test" `` of the text. */
export function namedTests(text: string): NamedTest[] {
  return [...text.matchAll(/`(tests\/[^`]+)`: "([^"]+(?:"%s"[^"]+)?)"/g)].map(([, file, name]) => ({ file, name }));
}

/** Whether the file itself defines this test, or runs a row of this name. */
export function hasTest({ file, name }: NamedTest): boolean {
  const path = join(checkout, file);
  if (!existsSync(path)) return false;
  const rows = groups.find((group) => file === `tests/reliability/${group.file}.test.ts`)?.rows ?? [];
  if (rows.some((row) => row.name === name)) return true;
  // As the formatter quotes it, behind `test(` or on a line of its own.
  const quoted = [`'${name.replaceAll("'", "\\'")}'`, JSON.stringify(name)];
  return readFileSync(path, 'utf8')
    .split('\n')
    .some((line) => quoted.some((text) => line.includes(`(${text}, `) || line.trim() === `${text},`));
}
