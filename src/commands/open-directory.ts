import { mkdir } from 'node:fs/promises';
import { localError, makeOwnDirectory } from '../durable-file.js';
import { handOver } from '../permissions.js';
import { accessLists } from '../windows/access-lists.js';

/**
 * A directory of the configuration that every account may enter, whatever the umask: the one that pushes may be another. On Windows
 * what it inherits may let every account add files, so it is this account's; schedule lines open it to the one that pushes. One
 * that exists stays as it is.
 */
export async function openDirectory(directory: string): Promise<void> {
  if (accessLists() !== null) return makeOwnDirectory(directory);
  try {
    const made = await mkdir(directory, { recursive: true, mode: 0o755 });
    if (made !== undefined) await handOver('directory', directory, 0o755);
  } catch (error) {
    throw localError(error, 'create', directory);
  }
}
