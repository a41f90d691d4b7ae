import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { localError, makeOwnDirectory } from '../durable-file.js';
import { handOver } from '../permissions.js';
import { accessLists } from '../windows/access-lists.js';

/**
 * A directory of the configuration that every account may enter, whatever the umask, and the parents that are made for it: the
 * account that pushes may be another. On Windows what it inherits may let every account add files, so it is this account's;
 * schedule lines open it to the one that pushes. One that exists stays as it is.
 */
export async function openDirectory(directory: string): Promise<void> {
  if (accessLists() !== null) return makeOwnDirectory(directory);
  try {
    const whole = path.resolve(directory);
    const first = await mkdir(whole, { recursive: true, mode: 0o755 });
    if (first === undefined) return;
    for (let one = whole; one.length >= first.length; one = path.dirname(one)) await handOver('directory', one, 0o755);
  } catch (error) {
    throw localError(error, 'create', directory);
  }
}
