/** Databases as sources: what is read in their place, and what is found at them. */
import { DepotError, isDepotError } from '../errors.js';
import type { DatabaseKind, DatabaseSource, SourceSpec } from '../source.js';
import type { Warn } from '../warning.js';
import type { Database, Seen, Surroundings, Target } from './database.js';
import { mariadb, mysql } from './mysql.js';
import { postgresql } from './postgresql.js';
import { sqlite } from './sqlite.js';
import { sqlserver } from './sqlserver.js';

export type { Seen, Surroundings, Target } from './database.js';

export const databases: Readonly<Record<DatabaseKind, Database>> = { postgresql, mariadb, mysql, sqlite, sqlserver };

/**
 * What to pack for a database: looks at it first, unless its `prepare` has to run before it is there. Throws what `look`
 * throws, and 'source-empty' for a database without tables, unless that may be.
 */
export async function readable(source: DatabaseSource, around: Surroundings, warn: Warn): Promise<SourceSpec> {
  const database = databases[source.kind];
  const seen = source.prepare === undefined ? await database.look(source, around) : null;
  for (const warning of seen?.warnings ?? []) warn(`${around.label}: ${warning}`);
  checkTables(source, seen, around);
  const { name, prepare, cleanup, env, timeoutMs, allowEmpty, onChange } = source;
  const known = seen === null ? await database.client(source, around) : seen.known;
  const { restore, ...packed } = database.pack(source, around, known);
  const lines = restore.lines(`data/${name}`);
  if (lines.some((line) => /\p{Cc}/u.test(line)))
    throw new DepotError('source-failed', `${around.label}: its name has a character that no line to type can have`, {
      hint: 'give the database a name without line breaks and control characters',
    });
  return {
    name,
    allowEmpty,
    onChange,
    ...(env && { env }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...packed,
    ...(prepare && { prepare }),
    ...(cleanup && { cleanup }),
    restore: { en: restore.en, nl: restore.nl, lines },
  };
}

/** No tables mean, more often than an empty database, an account that sees none. */
export function checkTables({ allowEmpty }: { allowEmpty: boolean }, seen: Seen | null, { label }: Surroundings): void {
  if (seen?.tables !== 0 || allowEmpty) return;
  throw new DepotError('source-empty', `${label}: this account sees no tables in the database`, {
    hint: 'check the name of the database and the rights of the account; if it is meant to be empty, set allowEmpty: true',
  });
}

/** `PostgreSQL 15.4 with 34 tables`: what was found, without its size. */
export function seenWords({ server, tables, tool }: Seen): string {
  const held = tables === null ? '' : ` with ${tables === 1 ? '1 table' : `${tables} tables`}`;
  return `${server}${held}; ${tool}`;
}

export type Tried =
  | { found: Seen & { words: string } }
  /** `wrong` is fit to print, and may have several lines. */
  | { wrong: string; hint: string | undefined };

/** Tries what somebody has just typed: connects, compares versions, counts. Rejects only when `around.signal` fires. */
export async function tryDatabase(target: Target, around: Surroundings): Promise<Tried> {
  return orWrong(around, async () => {
    const seen = await databases[target.kind].look(target, around);
    if (seen === null)
      throw new DepotError('source-failed', 'not tested: the client program of the database is not installed', {
        hint: 'install psql, mariadb or mysql',
      });
    checkTables({ allowEmpty: false }, seen, around);
    return { found: { ...seen, words: seenWords(seen) } };
  });
}

/** The databases that somebody can choose from, by name; none for SQLite. Rejects only when `around.signal` fires. */
export async function listDatabases(
  login: Omit<Target, 'database'>,
  around: Surroundings,
): Promise<{ names: string[] } | Extract<Tried, { wrong: string }>> {
  return orWrong(around, async () => ({ names: await databases[login.kind].list(login, around) }));
}

async function orWrong<T>({ signal }: Surroundings, work: () => Promise<T>) {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    if (!isDepotError(error)) throw error;
    return { wrong: error.message, hint: error.hint };
  }
}
