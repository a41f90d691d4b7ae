/** docs/operations.md, "Exclude patterns": each row of the table is as depot does it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fromText } from '../../src/dataset/bytestring.js';
import { excluder } from '../../src/dataset/exclude.js';
import { checkout } from '../support/cli.js';

const page = readFileSync(join(checkout, 'docs/operations.md'), 'utf8');
const section = page.slice(page.indexOf('### Exclude patterns'));
const rows = [...section.slice(0, section.indexOf('\n\nA directory')).matchAll(/^\| (`.*`) \| (.*) \|(.*)\|$/gm)].map(
  (row) => row.slice(1).map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text)),
);
const nowhere = fromText(join(checkout, 'nowhere'));

/** As the walk asks: first the directories above; a path with a slash at its end is a directory. */
function isLeftOut(pattern: string, path: string): boolean {
  const exclude = excluder([pattern], nowhere, 'linux')!;
  const names = path.replace(/\/$/, '').split('/');
  return names.some(
    (_, i) =>
      exclude.excludes(fromText(names.slice(0, i + 1).join('/')), i < names.length - 1 || path.endsWith('/')) !== null,
  );
}

test('the table has rows', () => {
  expect(rows.length).toBeGreaterThan(10);
});

test.each(rows)('the pattern %j leaves out %j and keeps %j', ([pattern], leftOut, kept) => {
  for (const path of leftOut) expect(isLeftOut(pattern, path), path).toBe(true);
  for (const path of kept) expect(isLeftOut(pattern, path), path).toBe(false);
});
