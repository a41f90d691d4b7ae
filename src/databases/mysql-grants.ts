/** What MariaDB and MySQL leave out of a dump without a word, or fail at, because the account has no right to see it. */
import type { Target } from './database.js';

/** Words for a warning; empty when all is granted, or when roles make that hard to tell. */
export function missingGrants(
  lines: readonly string[],
  { database, options }: Pick<Target, 'database' | 'options'>,
  family: 'MariaDB' | 'MySQL',
): string[] {
  const grants = lines.map((line) => /^GRANT (.*?) ON (?:TABLE |PROCEDURE |FUNCTION |PACKAGE )?(.*?) TO /.exec(line));
  if (grants.length === 0 || grants.includes(null)) return [];
  const rights = grants.map((found) => ({ what: found![1]!.split(/, ?/), on: found![2]! }));
  const held = (right: string, on: (place: string) => boolean): boolean =>
    rights.some((one) => on(one.on) && (one.what.includes(right) || one.what.includes('ALL PRIVILEGES')));
  const onDatabase = (place: string): boolean => place === '*.*' || covers(place, database);
  const everywhere = (place: string): boolean => place === '*.*';
  const onRoutines = (place: string): boolean => everywhere(place) || /^`?mysql`?\.(?:`?proc`?|\*)$/.test(place);
  const seesRoutines =
    held('ALL PRIVILEGES', onDatabase) ||
    (family === 'MariaDB' && (held('SELECT', onRoutines) || held('SHOW CREATE ROUTINE', onDatabase))) ||
    (family === 'MySQL' && (held('SELECT', everywhere) || held('SHOW_ROUTINE', everywhere)));
  const routines =
    family === 'MariaDB' ? 'SELECT on mysql.proc, from MariaDB 11.3 on SHOW CREATE ROUTINE' : 'SHOW_ROUTINE';
  return [
    ...(held('SELECT', onDatabase)
      ? []
      : ['this account has SELECT on some tables only: the dump silently leaves out the others']),
    ...(held('TRIGGER', onDatabase) || options.includes('--skip-triggers')
      ? []
      : [
          'this account has no TRIGGER privilege, so the dump leaves out triggers; grant it, or set options: [--skip-triggers]',
        ]),
    ...(held('EVENT', onDatabase) || options.includes('--skip-events')
      ? []
      : [
          'this account has no EVENT privilege, and the dump fails without it; grant it, or say so: options: [--skip-events]',
        ]),
    ...(seesRoutines || options.includes('--skip-routines')
      ? []
      : [
          `this account cannot see the procedures and functions of others, so the dump leaves them out; grant it ${routines}, or set options: [--skip-routines]`,
        ]),
  ];
}

/** Whether `place`, such as `crm\_%`.*, is about the database: % and _ stand for others there. */
function covers(place: string, database: string): boolean {
  const pattern = /^`((?:[^`]|``)*)`\.\*$/.exec(place)?.[1]?.replaceAll('``', '`');
  if (pattern === undefined) return false;
  const source = pattern.replace(/\\([%_])|([%_])|[^A-Za-z0-9]/g, (one, plain?: string, wild?: string) =>
    plain !== undefined
      ? plain
      : wild === undefined
        ? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`
        : wild === '%'
          ? '[^]*'
          : '[^]',
  );
  return new RegExp(`^${source}$`).test(database);
}
