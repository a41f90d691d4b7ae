/** Each reader for a minute, from a seed that nobody has tried; for another time or target: `npm run fuzz -- --seconds 600 --target reader --seed 7`. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { run } from '../support/process.js';
import { targetNames } from './targets.js';

test.each(targetNames)('%s', { timeout: 180_000 }, async (target) => {
  const { code, stdout, stderr } = await run(process.execPath, [
    join(checkout, 'node_modules/tsx/dist/cli.mjs'),
    join(checkout, 'tests/fuzz/fuzz.ts'),
    '--target',
    target,
    '--seconds',
    '60',
  ]);
  expect(code, stdout + stderr).toBe(0);
});
