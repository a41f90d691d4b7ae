import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { errnoOf } from './errors.js';

/**
 * Removes what was extracted so far: also directories that were made read-only already, which the system would not
 * let their owner empty.
 */
export function removeExtracted(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    unlock(Buffer.from(directory));
    rmSync(directory, { recursive: true, force: true });
  }
}

function unlock(directory: Buffer): void {
  chmodSync(directory, 0o700);
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    const path = Buffer.concat([directory, Buffer.from('/'), name]);
    if (lstatSync(path).isDirectory()) unlock(path);
  }
}
