import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tempDir } from './cleanup.js';
import { checkout, depotScript } from './cli.js';

/**
 * A copy of the built program in which files below `dist/` are altered; returns its `bin/depot.js`. For controls: a
 * test of a law must fail against a program that breaks it. A change that changes nothing is an error.
 */
export function alteredDepot(changes: Record<string, (source: string) => string>): string {
  const copy = tempDir('depot-altered');
  const built = dirname(dirname(depotScript));
  for (const name of ['bin', 'dist', 'package.json']) cpSync(join(built, name), join(copy, name), { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  for (const [file, change] of Object.entries(changes)) {
    const path = join(copy, 'dist', file);
    const before = readFileSync(path, 'utf8');
    const after = change(before);
    if (after === before) throw new Error(`the change to ${file} changes nothing: does what it replaces still exist?`);
    writeFileSync(path, after);
  }
  return join(copy, 'bin/depot.js');
}
