import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { makeOwnDirectory, syncDirectory } from '../durable-file.js';
import { DepotError } from '../errors.js';
import { callerUid, handOver } from '../permissions.js';
import { codeOrSaid, printable } from '../printable.js';
import { typedWord } from '../shell.js';
import { accessLists } from '../windows/access-lists.js';
import { exposureByList } from '../windows/checks.js';
import { writePrivately } from '../windows/closed.js';

/**
 * Writes a file that only its owner can read, in one step and durably, and reads it back. Written by root into another
 * account's directory, it becomes that account's; `owner` is for a directory made here. Returns the owner's uid
 * (undefined on Windows).
 */
export async function writePrivateFile(
  path: string,
  contents: string,
  owner?: { uid: number; gid: number },
): Promise<number | undefined> {
  const directory = dirname(path);
  const temporary = join(directory, `.${randomBytes(8).toString('hex')}.partial`);
  try {
    const keeper = await privateDirectory(directory, owner);
    if (accessLists() === null) {
      const handle = await open(
        temporary,
        constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        0o600,
      );
      try {
        await handle.chmod(0o600);
        if (keeper !== undefined && keeper.uid !== callerUid()) await handle.chown(keeper.uid, keeper.gid);
        await handle.writeFile(contents);
        await handle.sync();
        // By the handle: the account whose directory it is could exchange the file meanwhile.
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(Buffer.byteLength(contents) + 1), { position: 0 });
        requireKept(path, buffer.toString('utf8', 0, bytesRead), contents);
      } finally {
        await handle.close();
      }
      await rename(temporary, path);
      await syncDirectory(directory);
    } else {
      await writePrivately(path, contents, 'replace');
      requireKept(path, await readFile(path, 'utf8'), contents);
    }
    return keeper?.uid;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (error instanceof DepotError) throw error;
    const code = codeOrSaid(error);
    throw new DepotError(
      code === 'ENOSPC' || code === 'EDQUOT' ? 'local-disk-full' : 'local-not-writable',
      `${printable(path)} cannot be written: ${code}`,
      {
        hint: `run depot as an account that can write to ${printable(directory)}, or choose another place with --to`,
        cause: error,
      },
    );
  }
}

function requireKept(path: string, found: string, written: string): void {
  if (found !== written)
    throw new DepotError('local-not-writable', `${printable(path)} did not keep what depot wrote to it`);
}

async function privateDirectory(
  directory: string,
  owner: { uid: number; gid: number } | undefined,
): Promise<{ uid: number; gid: number } | undefined> {
  if (accessLists() !== null) {
    await makeOwnDirectory(directory);
    const others = await exposureByList(directory, 'directory');
    if (others !== undefined)
      throw new DepotError('secret-insecure', `${printable(directory)} ${others.what}`, {
        hint: others.remedy(directory),
      });
    return undefined;
  }
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) {
    await handOver('directory', directory, 0o700, callerUid() === 0 ? owner : undefined);
  }
  const found = await stat(directory);
  if ((found.mode & 0o022) !== 0) {
    throw new DepotError(
      'secret-insecure',
      `${printable(directory)} can be changed by other accounts (mode ${(found.mode & 0o7777).toString(8).padStart(4, '0')})`,
      { hint: `«chmod 700 ${typedWord(directory)}»` },
    );
  }
  return { uid: found.uid, gid: found.gid };
}
