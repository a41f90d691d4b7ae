/** MariaDB and MySQL: their two programs are much alike, and each can dump the other's server, with some care. */
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import type { Secret } from '../secret.js';
import { shellWord } from '../shell.js';
import type { HandedSecret } from '../handed-secret.js';
import {
  ask,
  beside,
  checked,
  type Database,
  digits,
  isHere,
  isMissing,
  type Known,
  missing,
  restoredName,
  type Surroundings,
  type Target,
  unproven,
  versionIn,
  versionLine,
} from './database.js';
import { missingGrants } from './mysql-grants.js';
import { changesDump, hasKey, longOptionProblem, noDump, type Refused, toDisk } from './options.js';

type Family = 'MariaDB' | 'MySQL';

const noEnding = 'the last line of a dump, a comment, shows that it is whole';

const refused: Refused = {
  'result-file': toDisk,
  tab: toDisk,
  dir: toDisk,
  'log-error': 'depot needs to see its error messages',
  debug: toDisk,
  xml: changesDump,
  compact: noEnding,
  comments: noEnding,
  'skip-comments': noEnding,
  'disable-comments': noEnding,
  host: hasKey,
  port: hasKey,
  socket: 'set host: to the path of the socket',
  user: hasKey,
  password: 'a password belongs in a file: passwordFile:, or ~/.my.cnf',
  'all-databases': 'a source is one database',
  databases: 'a source is one database',
  'no-data': 'the deposit would not contain the data',
  'defaults-file': 'it must come first; write the login as keys, or leave it to ~/.my.cnf',
  'defaults-extra-file': 'it must come first; write the login as keys, or leave it to ~/.my.cnf',
  'defaults-group-suffix': 'it must come first',
  'login-path': 'it must come first',
  'no-defaults': 'it must come first',
  'print-defaults': noDump,
  'delete-master-logs': 'it changes the server',
  'delete-source-logs': 'it changes the server',
  help: noDump,
  version: noDump,
};

/** `--loose_result_file` is `--result-file` as well. */
function normal(name: string): string {
  return name.replaceAll('_', '-').replace(/^(?:(?:loose|enable|maximum)-)+/, '');
}

const hint =
  'check the host, the user name and the password of this source, and whether the server lets this account in';

const question = `SELECT 'version', VERSION(), @@character_set_database, @@collation_database;
SELECT 'size', COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0), COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'SYSTEM VIEW';
SELECT 'engine', TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND ENGINE NOT IN ('InnoDB', 'ROCKSDB', 'TokuDB', 'ndbcluster') ORDER BY TABLE_NAME;
SELECT 'events', COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE();
SHOW GRANTS;`;

export const mariadb = databaseOf('MariaDB');
export const mysql = databaseOf('MySQL');

function databaseOf(own: Family): Database {
  return {
    title: own,
    fileName: (database) => `${database}.sql`,
    optionProblem: (option) => longOptionProblem(option, refused, normal),

    async look(target, around) {
      const programs = await programsFor(own, target, around);
      const answer = await query(`--database=${target.database}`, question, own, target, around);
      if (answer === null) return null;
      const rows = answer.map((line) => line.split('\t').map(unescaped));
      const of = (name: string): string[][] => rows.filter(([first]) => first === name).map((row) => row.slice(1));
      const [version = '', charset = '', collation = ''] = of('version')[0] ?? [];
      const [bytes = '', tables = ''] = of('size')[0] ?? [];
      const family: Family = /mariadb/i.test(version) ? 'MariaDB' : 'MySQL';
      const number = versionIn(checked('version', version, around, /^\d[\w.@+~:-]*$/)).join('.');
      for (const [what, value] of Object.entries({ size: bytes, 'number of tables': tables }))
        checked(what, value, around, digits);
      const fitting = programs.find((one) => one.family === family) ?? programs[0]!;
      if (Number(of('events')[0]?.[0] ?? 0) > 0) requireNameForEvents(target, fitting, around);
      const engines = of('engine').map(([table, engine]) => `${printable(table!)} (${printable(engine!)})`);
      const grants = rows.flatMap(([first = '']) => (first.startsWith('GRANT ') ? [first] : []));
      return {
        server: `${family} ${number}`,
        tool: `${fitting.program} ${fitting.version.join('.')}`,
        bytes: Number(bytes),
        tables: Number(tables),
        warnings: [
          ...unfit(fitting, { family, version: versionIn(version) }),
          ...(engines.length === 0
            ? []
            : [
                `${engines.slice(0, 3).join(', ')}${engines.length > 3 ? ` and ${engines.length - 3} more` : ''}: no transactions, so changes during the dump may not match the rest; convert to InnoDB`,
              ]),
          ...missingGrants(grants, target, family),
          ...openness(target, fitting),
        ],
        known: {
          ...knownOf(fitting),
          charset: `${checked('character set', charset, around)} COLLATE ${checked('collation', collation, around)}`,
        },
      };
    },

    async client(target, around) {
      return knownOf((await programsFor(own, target, around))[0]!);
    },

    pack(target, { password }, known) {
      const { database, options } = target;
      const { program = '', family = own, major, charset = 'utf8mb4' } = known;
      const client = family === 'MariaDB' ? 'mariadb' : 'mysql';
      const login = password === null ? undefined : optionFile(password);
      return {
        kind: 'command',
        command: [
          program,
          ...connection(target),
          // One snapshot of all InnoDB tables, row by row as it comes, with all that is not a table.
          ...['--single-transaction', '--quick', '--routines', '--triggers', '--events', '--hex-blob'],
          // No date, so that two dumps of the same data are alike; no PROCESS privilege for tablespaces.
          // With its last line, whatever ~/.my.cnf says.
          ...[
            '--comments',
            '--skip-dump-date',
            '--no-tablespaces',
            '--default-character-set=utf8mb4',
            '--max-allowed-packet=1G',
          ],
          // Of MySQL alone: a server's own ids, which another server refuses; what MariaDB and MySQL 5.7 do not have.
          ...(family === 'MySQL' ? ['--set-gtid-purged=OFF'] : []),
          ...(family === 'MySQL' && Number(major) >= 8 ? ['--column-statistics=0'] : []),
          ...options,
          '--',
          database,
        ],
        endsWith: '-- Dump completed',
        ...(login && { secret: { of: 'command', ...login } }),
        restore: {
          en: `a ${own} database; with a client program of ${family}, as an account that may create databases`,
          nl: `een ${own}-database; met een clientprogramma van ${family}, als een account dat databases mag aanmaken`,
          lines: (file) => [
            `${client} --execute=${shellWord(`CREATE DATABASE ${restoredName(file)} CHARACTER SET ${charset}`, 'linux')}`,
            // In binary mode nothing in the dump is a command to the client, which has one for the shell.
            `${client} --binary-mode --default-character-set=utf8mb4 --max-allowed-packet=1G ${restoredName(file)} < ${shellWord(file, 'linux')}`,
          ],
        },
      };
    },

    async list(login, around) {
      const names = await query('--database=information_schema', 'SHOW DATABASES', own, login, around);
      return (names ?? []).filter(
        (name) => !['information_schema', 'performance_schema', 'mysql', 'sys'].includes(name.toLowerCase()),
      );
    },
  };
}

/** To dump events, mariadb-dump (10.11) selects a database by its escaped name, which is that of no database. */
function requireNameForEvents(
  { database, options }: Target,
  { family, program }: Dumper,
  { label }: Surroundings,
): void {
  if (family !== 'MariaDB' || !/['"\\]/.test(database)) return;
  if (options.some((option) => normal(option.replace(/^--/, '')) === 'skip-events')) return;
  throw new DepotError(
    'source-failed',
    `${label}: ${printable(program)} cannot dump the events of a database whose name contains ', " or \\`,
    { hint: 'rename the database, or leave out its events: options: [--skip-events]' },
  );
}

interface Dumper {
  program: string;
  family: Family;
  version: number[];
}

function knownOf({ program, family, version }: Dumper): Known {
  return { program, family, major: String(version[0] ?? 0) };
}

/** Those that are there, the one of the server's own family first. Throws when there is none. */
async function programsFor(own: Family, target: Target, around: Surroundings): Promise<Dumper[]> {
  const both = own === 'MariaDB' ? ['mariadb-dump', 'mysqldump'] : ['mysqldump', 'mariadb-dump'];
  const found: Dumper[] = [];
  for (const program of target.program === undefined ? both : [target.program]) {
    const line = await versionLine(program, [], target, around);
    if (line !== null) found.push({ program, ...whichProgram(line) });
  }
  if (found.length === 0) throw missing(target.program ?? both.join(' or '), around);
  return found;
}

/** `mariadb-dump  Ver 10.19 Distrib 10.11.6-MariaDB`, `mysqldump  Ver 8.0.36 for Linux`, `mysqldump  Ver 10.13 Distrib 5.7.44`: Ver is of the program, where there is Distrib. */
function whichProgram(line: string): Pick<Dumper, 'family' | 'version'> {
  const mariadbs = /(\d+(?:\.\d+)+)-MariaDB/i.exec(line)?.[1];
  if (mariadbs !== undefined) return { family: 'MariaDB', version: versionIn(mariadbs) };
  const version = /Distrib (\d+(?:\.\d+)+)/.exec(line)?.[1] ?? /Ver (\d+(?:\.\d+)+)/.exec(line)?.[1] ?? '';
  return { family: 'MySQL', version: versionIn(version) };
}

function unfit({ program, family, version }: Dumper, server: { family: Family; version: number[] }): string[] {
  const [tool, at] = [`${printable(program)} of ${family} ${version.join('.')}`, server.version.join('.')];
  if (family !== server.family)
    return [
      `${tool} dumps a server of ${server.family} ${at}: that mostly works, but each has features that the other lacks; install ${server.family === 'MariaDB' ? 'mariadb-dump' : "MySQL's mysqldump"}`,
    ];
  const [mine = 0, theirs = 0] = [version[0], server.version[0]];
  return mine < theirs
    ? [
        `${tool} is older than the server, ${server.family} ${at}: it may not support everything in the database; install a newer one`,
      ]
    : [];
}

/** What `--batch` prints for characters that would end a field or a line. */
function unescaped(field: string): string {
  return field.replace(/\\([0nt\\])/g, (_, c: string) => ({ '0': '\0', n: '\n', t: '\t' })[c] ?? '\\');
}

/** Null without a client. */
async function query(
  database: string,
  sql: string,
  own: Family,
  target: Omit<Target, 'database'>,
  around: Surroundings,
): Promise<string[] | null> {
  const secret = around.password === null ? undefined : optionFile(around.password);
  for (const client of own === 'MariaDB' ? ['mariadb', 'mysql'] : ['mysql', 'mariadb']) {
    const argv = [
      beside(target.program, client),
      ...connection(target),
      ...target.options.filter((option) => /^(?:(?:skip|disable)-)?(?:ssl|tls)/.test(nameOf(option))),
      '--batch',
      '--skip-column-names',
      '--connect-timeout=10',
      '--default-character-set=utf8mb4',
      database,
      `--execute=${sql}`,
    ];
    try {
      return await ask(argv, target, around, { hint, ...(secret && { secret }) });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return null;
}

function connection({ host, port, username }: Omit<Target, 'database'>): string[] {
  const place = host === undefined ? [] : [host.startsWith('/') ? `--socket=${host}` : `--host=${host}`];
  return [
    ...place,
    ...(port === undefined ? [] : [`--port=${port}`]),
    ...(username === undefined ? [] : [`--user=${username}`]),
  ];
}

/** ~/.my.cnf is read after the file that is handed over, and its password would win: so there is no home for this run. */
function optionFile(password: Secret): HandedSecret {
  const value = password.reveal();
  return {
    content: `[client]\npassword="${value.replace(/[\\"]/g, String.raw`\$&`)}"\n`,
    argument: '--defaults-extra-file=',
    env: { HOME: '/dev/null' },
    otherwise: { MYSQL_PWD: value },
  };
}

function nameOf(option: string): string {
  return normal(option.replace(/^--|=[^]*$/g, ''));
}

function openness({ host = '', options }: Target, { family, version: [major = 0, minor = 0] }: Dumper): string[] {
  // MariaDB's own programs do it unasked from 11.4 on.
  let isProven = family === 'MariaDB' && (major > 11 || (major === 11 && minor >= 4));
  for (const option of options) {
    const [name, value] = [nameOf(option), /=([^]*)$/.exec(option)?.[1] ?? ''];
    const isOff = /^(?:skip|disable)-/.test(name) || /^(?:0|off|false)$/i.test(value);
    if (/^(?:(?:skip|disable)-)?ssl-verify-server-cert$/.test(name)) isProven = !isOff;
    else if (name === 'ssl-mode') isProven = /^verify_/i.test(value);
    else if (/^(?:(?:skip|disable)-)?ssl$/.test(name) && isOff) isProven = false;
  }
  if (isProven || isHere(host)) return [];
  const way = family === 'MariaDB' ? '--ssl-verify-server-cert' : '--ssl-mode=VERIFY_IDENTITY';
  return [unproven(host, `set options: [${way}, --ssl-ca=FILE] for this source`)];
}
