/** Passwords of databases that were typed: they are files only once there is a depot.yaml that names them. */
import { lstat, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Secret } from '../../secret.js';
import { writePrivateFile } from '../../secrets/private-file.js';
import type { Place } from './place.js';
import { nameOf, type SourceAnswer } from './source-answer.js';

export interface DatabasePasswords {
  /** With files in place of what was typed, relative to depot.yaml. */
  sources: SourceAnswer[];
  /** Writes the files. */
  keep(): Promise<void>;
  /** Removes those that were written, where there is no depot.yaml after all. */
  forget(): Promise<void>;
}

export async function databasePasswords(
  answers: readonly SourceAnswer[],
  { directory, account }: Pick<Place, 'directory' | 'account'>,
): Promise<DatabasePasswords> {
  const typed = new Map<string, Secret>();
  const sources: SourceAnswer[] = [];
  for (const source of answers) {
    const secret = 'password' in source && 'typed' in source.password ? source.password.typed : null;
    if (secret === null) {
      sources.push(source);
      continue;
    }
    const file = await newName(nameOf(source), directory, typed);
    typed.set(file, secret);
    sources.push({ ...source, password: { file } } as SourceAnswer);
  }
  return {
    sources,
    async keep() {
      for (const [file, secret] of typed)
        await writePrivateFile(path.join(directory, file), `${secret.reveal()}\n`, account ?? undefined);
    },
    async forget() {
      for (const file of typed.keys()) await rm(path.join(directory, file), { force: true });
    },
  };
}

/** What is there may be of use to another configuration. */
async function newName(source: string, directory: string, taken: ReadonlyMap<string, Secret>): Promise<string> {
  const plain = source.replace(/[^A-Za-z0-9._-]+/g, '_');
  for (let number = 1; ; number++) {
    const file = `secrets/${plain}${number === 1 ? '' : `-${number}`}.password`;
    if (!taken.has(file) && (await lstat(path.join(directory, file)).catch(() => null)) === null) return file;
  }
}
