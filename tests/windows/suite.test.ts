/** The project's own test files that a platform can change, run on Windows' Node by vitest itself: each of their tests is one here. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { checkoutThere, endSuite, suitePrefix, windowsNode } from '../support/wine.js';

interface Report {
  testResults: {
    name: string;
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

/** The dependencies there are those for Windows. */
const stays = new Set(['node_modules', '.git']);
for (const name of readdirSync(checkoutThere))
  if (!stays.has(name)) rmSync(join(checkoutThere, name), { recursive: true });
for (const name of readdirSync(checkout))
  if (!stays.has(name)) cpSync(join(checkout, name), join(checkoutThere, name), { recursive: true });

const file = join(checkoutThere, 'report.json');
// Wine's server breaks down now and then when several processes of Node begin at once, and each takes a second: one for all files.
const vitest = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--mode',
  'windows',
  '--maxWorkers=1',
  '--no-isolate',
  '--retry=1',
];
const run = () =>
  windowsNode([...vitest, '--reporter=json', '--outputFile.json=report.json'], {
    cwd: checkoutThere,
    prefix: suitePrefix,
    timeoutMs: 400_000,
  });
let ran = await run();
// Without a report it was Wine that broke down, and no test that failed.
if (!existsSync(file)) {
  endSuite();
  ran = await run();
}
const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : { testResults: [] };

test('vitest runs on Windows', () => {
  expect(report.testResults.length, ran.stdout + ran.stderr).toBeGreaterThan(0);
});

for (const { name, message, assertionResults } of report.testResults) {
  // What is skipped there needs programs, rights or files that Windows does not have.
  const tests = assertionResults.filter(({ status }) => status === 'passed' || status === 'failed');
  describe(`on Windows: ${name.replace(/^.*\/depot\//, '')}`, () => {
    test('has tests', () => {
      expect(tests.length, message).toBeGreaterThan(0);
    });
    for (const { fullName, status, failureMessages } of tests)
      test(fullName, () => {
        expect(status, failureMessages.join('\n')).toBe('passed');
      });
  });
}
