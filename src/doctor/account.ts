/** The account that pushes. Its own are the state directory and the secrets; the rest it only reads. */
import { stat } from 'node:fs/promises';
import { type Account, accountOfUid } from '../accounts.js';
import type { Config } from '../config/types.js';

/** Whoever owns the state directory, which nobody else may write in; undefined while there is none, and on Windows. */
export async function stateOwner(config: Pick<Config, 'state'>): Promise<Account | undefined> {
  if (process.geteuid === undefined) return undefined;
  const found = await stat(config.state.path).catch(() => null);
  return found === null ? undefined : accountOfUid(found.uid);
}
