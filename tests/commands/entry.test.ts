import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { depot } from '../support/cli.js';

/** Runs `depot verify` on a file with code that breaks in on it from outside. */
async function disturbed(code: string) {
  const cwd = tempDir();
  const file = join(cwd, 'disturb.mjs');
  writeFileSync(file, code);
  return depot(['verify', file], { cwd, node: ['--import', file] });
}

/** Holds up the first look at the suitcase for ever, with nothing left in the event loop but what `then` puts there. */
const held = (then = ''): string => `import fs from 'node:fs/promises'; import { syncBuiltinESMExports } from 'node:module'; fs.open = () => new Promise(() => { ${then} }); syncBuiltinESMExports();`;

test('a run that ends without an answer is a defect, never a success', async () => {
  const { code, stderr } = await disturbed(held());
  expect(code).toBe(1);
  expect(stderr).toContain('depot: error: a defect in depot: the run ended without an answer');
});

test('an exception that nobody catches is told, with one line and no stack', async () => {
  const { code, stderr } = await disturbed(held("setImmediate(() => { throw new Error('boom'); });"));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^depot: error: a defect in depot: boom\ndepot: hint: .*\n$/);
});
