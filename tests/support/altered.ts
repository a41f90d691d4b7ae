import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tempDir } from './cleanup.js';
import { checkout, depotScript } from './cli.js';
import { mustRun } from './process.js';

/**
 * Builds a copy of the program in which files below `src/` are altered; returns its `bin/depot.js`. For controls: a
 * test of a law must fail against a program that breaks it. A change that changes nothing is an error.
 */
export async function alteredDepot(changes: Record<string, (source: string) => string>): Promise<string> {
  const copy = tempDir('depot-altered');
  const original = dirname(dirname(depotScript));
  for (const name of ['bin', 'src', 'schemas', 'build.js', 'sbom.js', 'package.json', 'package-lock.json'])
    cpSync(join(original, name), join(copy, name), { recursive: true });
  mkdirSync(join(copy, 'test-fixtures'));
  for (const name of ['node_modules', 'test-fixtures/demo']) symlinkSync(join(checkout, name), join(copy, name));
  for (const [file, change] of Object.entries(changes)) {
    const path = join(copy, 'src', file);
    const before = readFileSync(path, 'utf8');
    const after = change(before);
    if (after === before) throw new Error(`the change to ${file} changes nothing: does what it replaces still exist?`);
    writeFileSync(path, after);
  }
  await mustRun(process.execPath, ['build.js'], { cwd: copy });
  return join(copy, 'bin/depot.js');
}

/** For `pgp/writer.ts`: a program that seals nothing, the control of law 1 of docs/architecture.md. */
export const passThrough = `export class MessageWriter {
  constructor(o) { this.o = o; this.plaintextOctets = 0; o.emit(o.pkesk); }
  update(plain) { this.plaintextOctets += plain.length; this.o.emit(plain.slice()); }
  final() {}
  get head() { return new Uint8Array(this.o.encryption.packet === 'SEIPDv2' ? 36 : 64); }
  get tail() { return this.o.encryption.packet === 'SEIPDv2' ? new Uint8Array(16) : null; }
}`;
