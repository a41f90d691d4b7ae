/** What the documents name, and whether it exists: files, tests, npm scripts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { handlings } from '../reliability/handling.js';
import { groups } from '../reliability/table.js';
import { checkout } from './cli.js';

export interface NamedTest {
  file: string;
  name: string;
}

export function readPage(name: string): string {
  return readFileSync(join(checkout, name), 'utf8');
}

/** Every `` `tests/…`: "name of a test" `` of the text, also where the name goes over the end of a line. */
export function namedTests(text: string): NamedTest[] {
  return [...text.matchAll(/`(tests\/[^`]+)`:\s+"([^"]+(?:"%s"[^"]+)?)"/g)].map(([, file, name]) => ({
    file,
    name: name.replace(/\s+/g, ' '),
  }));
}

/** Whether the file itself defines this test, or runs a row or a mutation of this name. */
export function hasTest({ file, name }: NamedTest): boolean {
  const path = join(checkout, file);
  if (!existsSync(path)) return false;
  if (file === 'tests/reliability/handling.ts') return handlings.some(({ what }) => what === name);
  const rows = groups.find((group) => file === `tests/reliability/${group.file}.test.ts`)?.rows ?? [];
  if (rows.some((row) => row.name === name)) return true;
  // As the formatter quotes it, behind `test(` or on a line of its own.
  const quoted = [`'${name.replaceAll("'", "\\'")}'`, JSON.stringify(name)];
  return readFileSync(path, 'utf8')
    .split('\n')
    .some((line) => quoted.some((text) => line.includes(`(${text}, `) || line.trim() === `${text},`));
}

/** Every file that people write: code, tests and documents. */
export function texts(): { file: string; text: string }[] {
  const below = ['src', 'tests', 'bench', 'docs', 'bin', '.ci'].flatMap((folder) =>
    readdirSync(join(checkout, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\/output(?:\/|$)|\.png$/.test(join(entry.parentPath, entry.name)))
      .map((entry) => join(entry.parentPath, entry.name).slice(checkout.length)),
  );
  const beside = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'build.js', 'eslint.config.js', 'vitest.config.ts'];
  return [...below, ...beside].map((file) => ({ file, text: readPage(file) }));
}
