import { cpSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { checkout } from '../support/cli.js';
import { mustRun } from '../support/process.js';

const parts = [
  'bin',
  'src',
  'schemas',
  'test-fixtures/demo',
  'nodes/package.json',
  'nodes/package-lock.json',
  'build.js',
  'sbom.js',
  'binary.js',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];

test('another build, in another directory, has the same checksums', async () => {
  const sums: string[] = [];
  const directories = [tempDir(), tempDir()];
  for (const directory of directories) {
    for (const part of parts) cpSync(join(checkout, part), join(directory, part), { recursive: true });
    symlinkSync(join(checkout, 'node_modules'), join(directory, 'node_modules'));
  }
  for (const directory of directories) {
    await mustRun('npm', ['run', '--silent', 'build:binary'], { cwd: directory, timeoutMs: 600_000 });
    sums.push(readFileSync(join(directory, 'binary/SHA256SUMS'), 'utf8'));
  }
  expect(sums[0]).toBe(sums[1]);
  expect(sums[0].split('\n').length).toBeGreaterThan(4);
}, 1_500_000);
