import { chmodSync, readdirSync, rmdirSync, unlinkSync, type Dirent } from 'node:fs';
import { fromBytes, fromText, join, type ByteString } from '../bytestring.js';
import { errnoOf } from './errors.js';
import { onDisk } from './on-disk.js';

/**
 * Removes what was extracted so far, read-only directories too. Not `fs.rm`: it calls itself for each level, and an
 * archive with two thousand nested directories overflowed its stack, so that the output stayed.
 */
export function removeExtracted(directory: string): void {
  const pending = [fromText(directory)];
  for (let last = pending.at(-1); last !== undefined; last = pending.at(-1)) {
    const inside = removeFiles(last);
    for (const below of inside) pending.push(below);
    // Else it is met again when they are gone.
    if (inside.length === 0) {
      gone(() => rmdirSync(onDisk(last)));
      pending.pop();
    }
  }
}

/** Removes all but the directories, and returns those. */
function removeFiles(directory: ByteString): ByteString[] {
  const where = onDisk(directory);
  let children: Dirent<Buffer>[] = [];
  gone(() => {
    unlock(where);
    children = readdirSync(where, { encoding: 'buffer', withFileTypes: true });
  });
  const directories: ByteString[] = [];
  for (const child of children) {
    const path = join(directory, fromBytes(child.name));
    if (child.isDirectory()) directories.push(path);
    else gone(() => unlinkSync(onDisk(path)));
  }
  return directories;
}

function unlock(directory: string | Buffer): void {
  try {
    chmodSync(directory, 0o700);
  } catch (error) {
    // Where there are no modes, nothing was locked.
    if (errnoOf(error) === 'ENOENT') throw error;
  }
}

function gone(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
