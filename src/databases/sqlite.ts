/** SQLite: the text that `.dump` prints, of one moment, also while others write. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { DepotError } from '../errors.js';
import { codeOrSaid, printable } from '../printable.js';
import { shellWord } from '../shell.js';
import { ask, type Database, isMissing, missing, restoredName, type Target } from './database.js';

const hint = 'see what the file is, and whether this account may read it and its directory';

/**
 * One line of numbers, then for each table the statement that finds text which `.dump` would cut off. What makes the
 * path of json_extract depend on the row keeps SQLite from computing it before there is one.
 */
const question = `SELECT 'seen ' || ((SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size))
  || ' ' || (SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!') || ' ' || sqlite_version();
SELECT printf('SELECT json_extract(''{}'', %Q || substr(quote("%w"), 1, 0)) FROM "%w" WHERE %s LIMIT 1;',
  'table ' || name || ' has text with a NUL, which the dump would cut off', min(col), name, group_concat(checked, ' OR '))
FROM (SELECT m.name AS name, x.name AS col, printf('(typeof("%w") = ''text'' AND instr("%w", char(0)))', x.name, x.name) AS checked
      FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS x
      WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND x.hidden = 0)
GROUP BY name;`;

/** Errors on purpose, since a plain SELECT can make no other: json_extract says what its path is. */
const damage = `SELECT json_extract('{}', 'the database is damaged: ' || quick_check) FROM pragma_quick_check WHERE quick_check <> 'ok'`;

/** What `.dump` leaves out. The first three only count before there is a table. */
const settings = `SELECT 'PRAGMA page_size=' || page_size || ';' FROM pragma_page_size
UNION ALL SELECT 'PRAGMA encoding=' || quote(encoding) || ';' FROM pragma_encoding
UNION ALL SELECT 'PRAGMA auto_vacuum=' || auto_vacuum || ';' FROM pragma_auto_vacuum
UNION ALL SELECT 'PRAGMA application_id=' || application_id || ';' FROM pragma_application_id
UNION ALL SELECT 'PRAGMA user_version=' || user_version || ';' FROM pragma_user_version`;

export const sqlite: Database = {
  title: 'SQLite',
  fileName: (file) => `${path.parse(file).name}.sql`,
  optionProblem: () => 'SQLite takes no options',

  async look(target, around) {
    const { database } = target;
    const found = await stat(database).catch((error: unknown) => {
      const code = codeOrSaid(error);
      const [what, todo] =
        code === 'ENOENT' || code === 'ENOTDIR'
          ? [
              'there is no database at',
              'check the path in depot.yaml; if it was there before, see whether its disk is mounted',
            ]
          : [`cannot look at the database (${code}):`, hint];
      throw new DepotError('source-failed', `${around.label}: ${what} ${printable(database)}`, {
        hint: todo,
        cause: error,
      });
    });
    if (!found.isFile())
      throw new DepotError('source-failed', `${around.label}: ${printable(database)} is not a file`, {
        hint: 'name the file of the database',
      });
    const lines = await ask([...start(target), question], target, around, { hint }).catch((error: unknown) => {
      throw isMissing(error) ? missing(program(target), around) : error;
    });
    const [, bytes = '', tables = '', version = ''] = (lines[0] ?? '').split(' ');
    return {
      server: `SQLite file`,
      tool: `sqlite3 ${version}`,
      bytes: Number(bytes),
      tables: Number(tables),
      warnings: [],
      known: { checks: lines.slice(1).join('\n') },
    };
  },

  client: () => Promise.resolve({}),

  pack(target, _, known) {
    return {
      kind: 'command',
      // In one transaction: what was looked at is what is dumped.
      command: [...start(target), 'BEGIN', ...pieces(known['checks'] ?? ''), damage, settings, '.dump'],
      endsWith: 'COMMIT;',
      restore: {
        en: 'a SQLite database; with the program sqlite3, into a file that is not there yet',
        nl: 'een SQLite-database; met het programma sqlite3, in een bestand dat er nog niet is',
        lines: (file) => [
          `sqlite3 -bail -cmd '.dbconfig defensive off' ${restoredName(file)}.db < ${shellWord(file, 'linux')}`,
        ],
      },
    };
  },

  list: () => Promise.resolve([]),
};

function program({ program: named = 'sqlite3' }: Pick<Target, 'program'>): string {
  return named;
}

/** Without the account's own settings; opened for reading, which makes no file; stops at the first error, and waits for a writer. */
function start(target: Target): string[] {
  const none = process.platform === 'win32' ? 'NUL' : '/dev/null';
  return [program(target), '-batch', '-bail', '-readonly', '-init', none, target.database, '.timeout 60000'];
}

const LONGEST_ARGUMENT = 100_000;

/** One argument can have 128 KiB on Linux. */
function pieces(statements: string): string[] {
  const found: string[] = [];
  for (const one of statements.split(/(?<=;)\n(?=SELECT json_extract)/)) {
    const last = found.at(-1);
    if (last !== undefined && last.length + one.length < LONGEST_ARGUMENT) found[found.length - 1] = `${last}\n${one}`;
    else if (one !== '') found.push(one);
  }
  return found;
}
