/** Where decrypted output goes. */
import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { succeeds } from '../abort.js';
import { localError } from '../durable-file.js';
import { DepotError } from '../errors.js';
import { requireOwnPlace } from '../permissions.js';
import { printable } from '../printable.js';
import { removeLine } from '../shell.js';
import type { PartialDirectory } from './partial-directory.js';

/** Its absolute path, when a directory can be made there. @throws DepotError 'output-exists', 'local-…' */
export async function freePlace(out: string): Promise<string> {
  const path = resolve(out);
  if (await succeeds(lstat(path)))
    throw new DepotError('output-exists', `${printable(path)} already exists`, {
      hint: 'name a directory that does not exist yet with --out',
    });
  await requireOwnPlace(path).catch((error: unknown) => {
    throw localError(error, 'create', path);
  });
  return path;
}

/** What it failed for stays the error. */
export async function removeOrSay(partial: PartialDirectory, hooks: { warn(message: string): void }): Promise<void> {
  const { path } = partial;
  try {
    if (await partial.remove()) return;
    hooks.warn(
      `${printable(path)} was replaced while this run was writing there, so depot left it alone; remove it when no other run is writing there`,
    );
  } catch (error) {
    const reason = localError(error, 'remove', path);
    hooks.warn(
      `decrypted files are left in ${printable(path)}, which could not be removed (${printable(reason instanceof Error ? reason.message : String(reason))}); remove it: «${removeLine(path)}»`,
    );
  }
}
