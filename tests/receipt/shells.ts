/** The shells that a beneficiary may paste the lines of a cover into. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Each with what makes it interactive, as far as it can be without a terminal; what is not installed is left out. */
export const shells = (
  [
    ['bash', ['--norc', '-i']],
    ['dash', ['-i']],
    ['zsh', ['-f', '-i']],
    ['ksh', ['-i']],
    ['mksh', ['-i']],
    ['busybox', ['sh', '-i']],
  ] as const
).flatMap(([name, interactive]) => {
  const path = (process.env['PATH'] ?? '')
    .split(':')
    .map((directory) => join(directory, name))
    .find((file) => existsSync(file));
  return path === undefined ? [] : [{ name, path, script: name === 'busybox' ? ['sh', '-c'] : ['-c'], interactive }];
});

/** A copy with one bit of one byte changed. */
export function changed(sealed: Buffer, at: number): Uint8Array {
  const bytes = Uint8Array.from(sealed);
  bytes[at] ^= 1;
  return bytes;
}
