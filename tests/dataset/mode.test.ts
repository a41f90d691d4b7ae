import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { recordedMode } from '../../src/dataset/mode.js';
import { tempDir } from '../support/cleanup.js';

/** As Node says it on Windows: no x, and what anybody may do is what the owner may. */
const made = (type: 'file' | 'directory' | 'symlink', mode: number) => ({
  mode: BigInt({ file: 0o100000, directory: 0o040000, symlink: 0o120000 }[type] | mode),
  isDirectory: () => type === 'directory',
  isSymbolicLink: () => type === 'symlink',
});

test.each([
  ['directory', 0o666, 0o755],
  ['directory', 0o444, 0o755],
  ['file', 0o666, 0o644],
  ['file', 0o444, 0o444],
  ['symlink', 0o666, 0o777],
] as const)('Windows knows no modes: a %s of %i gets one that opens elsewhere', (type, mode, recorded) => {
  expect(recordedMode(made(type, mode), 'win32').toString(8)).toBe(recorded.toString(8));
});

test('where there are modes, they are recorded as they are', () => {
  const directory = tempDir('modes');
  mkdirSync(join(directory, 'd'), { mode: 0o700 });
  writeFileSync(join(directory, 'f'), '', { mode: 0o600 });
  symlinkSync('f', join(directory, 'l'));
  const of = (name: string) => recordedMode(lstatSync(join(directory, name), { bigint: true }), 'linux').toString(8);
  expect(['d', 'f'].map(of)).toEqual(['700', '600']);
  for (const platform of ['linux', 'darwin'] as const)
    expect(recordedMode(made('directory', 0), platform), platform).toBe(0);
});
