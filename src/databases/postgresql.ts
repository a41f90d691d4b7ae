/** PostgreSQL: pg_dump in its own format, uncompressed, since depot compresses, and finds in it what changed. */
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
import { changesDump, hasKey, longOptionProblem, noDump, type Refused, toDisk } from './options.js';

const refused: Refused = {
  file: toDisk,
  jobs: toDisk,
  format: changesDump,
  host: hasKey,
  port: hasKey,
  username: hasKey,
  password: 'nobody can answer it',
  dbname: 'name the database with the key database',
  help: noDump,
  version: noDump,
};

const hint =
  'check the host, the user name and the password of this source, and whether the server lets this account in';

/** Tables, partitions, materialized views and foreign tables of people, not of the server. */
const question = `SELECT pg_catalog.concat_ws(E'\\n', pg_catalog.current_setting('server_version_num'),
  pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1),
  pg_catalog.pg_database_size(pg_catalog.current_database()), pg_catalog.current_setting('server_encoding'),
  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'))`;

/**
 * Else whoever owns the database has their own functions and operators called instead, as the account that depot logs
 * in with (CVE-2018-1058). In one query with what is asked, for the sake of poolers that give each query another session.
 */
const ownNamesOnly = "SET LOCAL search_path = ''; ";

export const postgresql: Database = {
  title: 'PostgreSQL',
  fileName: (database) => `${database}.pgdump`,
  optionProblem: (option) => longOptionProblem(option, refused),

  async look(target, around) {
    const { version: tool = '' } = await client(target, around);
    const answer = await query(target.database, question, target, around);
    if (answer === null) return null;
    const said = (what: string, at: number, like?: RegExp): string => checked(what, answer[at] ?? '', around, like);
    const [number, version, encoding] = [said('version', 0, digits), said('version', 1), said('encoding', 3)];
    const numbers = versionIn(tool);
    const program = target.program ?? 'pg_dump';
    if (isOlder(numbers, Number(number)))
      throw new DepotError(
        'source-client-too-old',
        `${around.label}: ${printable(program)} is version ${tool}, and the server is PostgreSQL ${version}: pg_dump refuses a newer server`,
        {
          hint: `install the client programs of PostgreSQL ${Math.floor(Number(number) / 10_000)} or newer, or name the newer pg_dump with program: in depot.yaml`,
        },
      );
    return {
      server: `PostgreSQL ${version}`,
      tool: `pg_dump ${tool}`,
      bytes: Number(said('size', 2, digits)),
      tables: Number(said('number of tables', 4, digits)),
      warnings: openness(target, around),
      known: { version: tool, encoding },
    };
  },

  client,

  pack(target, { password, env }, known) {
    const { database, options, program = 'pg_dump' } = target;
    const secret = password === null ? undefined : passwordFile(password, target, env);
    return {
      kind: 'command',
      format: 'pg_dump',
      command: [
        program,
        ...connection(target),
        '--no-password',
        '--format=custom',
        '--compress=0',
        `--dbname=${conninfo(database)}`,
        ...options,
      ],
      ...(secret && { secret: { of: 'command', ...secret } }),
      restore: {
        en: `a PostgreSQL database; with the programs of PostgreSQL ${known['version'] ?? ''} or newer, as an account that may create databases`,
        nl: `een PostgreSQL-database; met de programma's van PostgreSQL ${known['version'] ?? ''} of nieuwer, als een account dat databases mag aanmaken`,
        lines: (file) => [
          `createdb --template=template0${encodingOption(known['encoding'])} ${restoredName(file)}`,
          `pg_restore --no-owner --no-privileges --dbname=${restoredName(file)} ${shellWord(file, 'linux')}`,
        ],
      },
    };
  },

  async list(login, around) {
    const names = `SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname`;
    return (await query('postgres', names, login, around)) ?? [];
  },
};

async function client(target: Target, around: Surroundings): Promise<Known> {
  const program = target.program ?? 'pg_dump';
  const line = await versionLine(program, connection(target), target, around);
  if (line === null) throw missing(program, around);
  return { version: versionIn(line).join('.') };
}

/** Null without psql. */
async function query(
  database: string,
  sql: string,
  target: Omit<Target, 'database'>,
  around: Surroundings,
): Promise<string[] | null> {
  const options = ['--no-psqlrc', '--no-password', '--no-align', '--tuples-only', '--quiet'];
  const argv = [
    beside(target.program, 'psql'),
    ...connection(target),
    ...options,
    `--dbname=${conninfo(database)}`,
    `--command=${ownNamesOnly}${sql}`,
  ];
  const secret = around.password === null ? undefined : passwordFile(around.password, target, around.env);
  try {
    return await ask(argv, target, around, { hint, env: { PGCONNECT_TIMEOUT: '10' }, ...(secret && { secret }) });
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** As options, since Debian's wrapper goes by them when it chooses a version. */
function connection({ host, port, username }: Omit<Target, 'database'>): string[] {
  return [
    ...(host === undefined ? [] : [`--host=${host}`]),
    // With a host but no port the wrapper would take that of a local cluster.
    ...(port === undefined && host === undefined ? [] : [`--port=${port ?? 5432}`]),
    ...(username === undefined ? [] : [`--username=${username}`]),
  ];
}

/** A name that is not taken for a whole connection string, as `host=elsewhere` or `postgresql://…` would be. */
function conninfo(database: string): string {
  return `dbname='${database.replace(/[\\']/g, String.raw`\$&`)}'`;
}

/** libpq reads the file for each connection; PGPASSWORD would come before it. */
function passwordFile(password: Secret, target: Omit<Target, 'database'>, env: NodeJS.ProcessEnv): HandedSecret {
  const value = password.reveal();
  const { PGREQUIREAUTH } = { ...env, ...target.env };
  // libpq sends a password in the clear to whoever asks for it so; from version 16 on it can refuse.
  const refusal = PGREQUIREAUTH === undefined && isOpen(target, env) ? { PGREQUIREAUTH: '!password' } : {};
  return {
    content: `*:*:*:*:${value.replace(/[\\:]/g, String.raw`\$&`)}\n`,
    variable: 'PGPASSFILE',
    env: { PGPASSWORD: '', ...refusal },
    otherwise: { PGPASSWORD: value },
  };
}

/** Whether the connection goes over a network, and nothing proves who answers. */
function isOpen({ host, env }: Omit<Target, 'database'>, inherited: NodeJS.ProcessEnv): boolean {
  const { PGHOST, PGHOSTADDR, PGSSLMODE = '', PGSSLROOTCERT } = { ...inherited, ...env };
  // An address goes before any name.
  const hosts = (PGHOSTADDR ?? host ?? PGHOST ?? '').split(',');
  return !hosts.every(isHere) && !/^verify-(?:ca|full)$/.test(PGSSLMODE) && PGSSLROOTCERT !== 'system';
}

function openness(target: Target, { env }: Surroundings): string[] {
  const way = 'set PGSSLMODE: verify-full and PGSSLROOTCERT under env: of this source';
  return isOpen(target, env) ? [unproven(target.host ?? 'the host in PGHOST', way)] : [];
}

/** Since version 10 the first number is the major version, before it the first two. */
function isOlder([major = 0, minor = 0]: number[], server: number): boolean {
  const client = major >= 10 ? major * 10_000 : major * 10_000 + minor * 100;
  return client < (server >= 100_000 ? Math.floor(server / 10_000) * 10_000 : Math.floor(server / 100) * 100);
}

/** Other encodings than UTF-8 go with few locales, and C goes with all. */
function encodingOption(encoding: string | undefined): string {
  if (encoding === undefined) return '';
  return encoding === 'UTF8' ? ' --encoding=UTF8' : ` --encoding=${encoding} --locale=C`;
}
