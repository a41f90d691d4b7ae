/** Puts a changed depot.yaml in the place of the one that is there. */
import { chown, readFile, realpath, stat } from 'node:fs/promises';
import { parseConfig } from '../../config/load.js';
import { surroundings } from '../../config/locate.js';
import type { Config } from '../../config/types.js';
import { writeFileAtomic } from '../../durable-file.js';
import { isDepotError } from '../../errors.js';
import type { Context } from '../context.js';

/** False, with nothing changed, where `edit` cannot change it, or the file would then not say what is meant: another key, or another file, may win. */
export async function rewrite(
  file: string,
  edit: (text: string) => string | null,
  isMeant: (config: Config) => boolean,
  context: Pick<Context, 'env' | 'cwd'>,
): Promise<boolean> {
  const real = await realpath(file);
  const text = edit(await readFile(real, 'utf8'));
  if (text === null || !(await says(text, file, isMeant, context))) return false;
  const { mode, uid, gid } = await stat(real);
  await writeFileAtomic(real, text, mode & 0o777);
  if (process.geteuid?.() === 0) await chown(real, uid, gid);
  return true;
}

async function says(
  text: string,
  file: string,
  isMeant: (config: Config) => boolean,
  { env, cwd }: Pick<Context, 'env' | 'cwd'>,
): Promise<boolean> {
  try {
    return isMeant(await parseConfig(text, file, surroundings(env, cwd)));
  } catch (error) {
    if (!isDepotError(error)) throw error;
    return false;
  }
}
