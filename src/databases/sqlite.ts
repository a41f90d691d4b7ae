/** SQLite: the text that `.dump` prints, of one moment, also while others write. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { DepotError } from '../errors.js';
import { codeOrSaid, printable } from '../printable.js';
import { shellWord } from '../shell.js';
import { ask, type Database, isMissing, missing, restoredName, type Target } from './database.js';

const hint = 'check that it is a SQLite file, and that this account can read it and its directory';

/**
 * One line of numbers, then in JSON for each table the statement that finds text which `.dump` would cut off. What makes
 * the path of json_extract depend on the row keeps SQLite from computing it before there is one.
 *
 * Pragmas as tables are always asked as `temp.pragma_…()`: a table or view of the database that has the name of one would
 * come before it, and whatever it says would be taken for SQLite's word.
 */
const question = `SELECT 'seen ' || ((SELECT page_count FROM temp.pragma_page_count()) * (SELECT page_size FROM temp.pragma_page_size()))
  || ' ' || (SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!') || ' ' || sqlite_version();
SELECT json_quote(printf('SELECT json_extract(''{}'', %Q || substr(quote("%w"), 1, 0)) FROM "%w" WHERE %s LIMIT 1;',
  'table ' || name || ' contains text with a NUL, which the dump would cut off', min(col), name, group_concat(checked, ' OR ')))
FROM (SELECT m.name AS name, x.name AS col, printf('(typeof("%w") = ''text'' AND instr("%w", char(0)))', x.name, x.name) AS checked
      FROM sqlite_master AS m, temp.pragma_table_xinfo(m.name) AS x
      WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND x.hidden = 0)
GROUP BY name;`;

/** Some 300,000 columns. */
const LARGEST_ANSWER = 64 << 20;

/** Errors on purpose, since a plain SELECT can make no other: json_extract says what its path is. */
const damage = `SELECT json_extract('{}', 'the database is damaged: ' || quick_check) FROM temp.pragma_quick_check() WHERE quick_check <> 'ok';`;

/** What `.dump` leaves out. The first three only count before there is a table. */
const settings = `SELECT 'PRAGMA page_size=' || page_size || ';' FROM temp.pragma_page_size()
UNION ALL SELECT 'PRAGMA encoding=' || quote(encoding) || ';' FROM temp.pragma_encoding()
UNION ALL SELECT 'PRAGMA auto_vacuum=' || auto_vacuum || ';' FROM temp.pragma_auto_vacuum()
UNION ALL SELECT 'PRAGMA application_id=' || application_id || ';' FROM temp.pragma_application_id()
UNION ALL SELECT 'PRAGMA user_version=' || user_version || ';' FROM temp.pragma_user_version();`;

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
    const lines = await ask([...start(target), target.database, question], target, around, {
      hint,
      maxBytes: LARGEST_ANSWER,
    }).catch((error: unknown) => {
      throw isMissing(error) ? missing(program(target), around) : error;
    });
    const [, bytes = '', tables = '', version = ''] = (lines[0] ?? '').split(' ');
    return {
      server: `SQLite file`,
      tool: `sqlite3 ${version}`,
      bytes: Number(bytes),
      tables: Number(tables),
      warnings: [],
      known: { checks: `[${lines.slice(1).join(',')}]` },
    };
  },

  client: () => Promise.resolve({}),

  pack(target, _, known) {
    const checks = JSON.parse(known['checks'] ?? '[]') as string[];
    // On standard input, a carriage return at the end of a line would be lost.
    const [asArguments, asInput] = [
      checks.filter((one) => one.includes('\r')),
      checks.filter((one) => !one.includes('\r')),
    ];
    return {
      kind: 'command',
      // In one transaction: what was looked at is what is dumped. Of many tables it is more than arguments can hold.
      command: [...start(target), ...['BEGIN', ...asArguments].flatMap((one) => ['-cmd', one]), target.database],
      input: `${[...asInput, damage, settings, '.dump'].join('\n')}\n`,
      endsWith: 'COMMIT;',
      restore: {
        en: 'a SQLite database; with the program sqlite3, version 3.37 (2021) or newer, into a file that is not there yet',
        nl: 'een SQLite-database; met het programma sqlite3, versie 3.37 (2021) of nieuwer, in een bestand dat er nog niet is',
        lines: (file) => [
          // What a hostile database wrote into its own schema is in the dump as it stands: safe mode runs no program for it.
          `sqlite3 -safe -bail -cmd '.dbconfig defensive off' ${restoredName(file)}.db < ${shellWord(file, 'linux')}`,
        ],
      },
    };
  },

  list: () => Promise.resolve([]),
};

function program({ program: named = 'sqlite3' }: Pick<Target, 'program'>): string {
  return named;
}

/**
 * Without the account's own settings; opened for reading, which makes no file; stops at the first error, and waits for a
 * writer. A view could call edit(), which runs a program: not where the schema is not trusted.
 */
function start(target: Target): string[] {
  const none = process.platform === 'win32' ? 'NUL' : '/dev/null';
  const first = ['-cmd', '.timeout 60000', '-cmd', 'PRAGMA trusted_schema=OFF'];
  return [program(target), '-batch', '-bail', '-readonly', '-init', none, ...first];
}
