/** SQL Server: it does not let its dump stream. It writes a backup, unencrypted, which is then deposited and removed. */
import path from 'node:path';
import type { HandedSecret } from '../handed-secret.js';
import type { Secret } from '../secret.js';
import { systemProgram } from '../windows/programs.js';
import { ask, checked, type Database, isHere, type Surroundings, type Target, unproven } from './database.js';
import { printable } from '../printable.js';

const hint =
  'check the host, the user name and the password of this source; sqlcmd refuses a certificate that it does not trust: options: [-C] trusts any';

/** Each in one word, and none of those that name files. */
const allowed = /^-(?:C|G|M|N[a-z]*|l ?\d+|t ?\d+|K[A-Za-z]+)$/;

export const sqlserver: Database = {
  title: 'SQL Server',
  fileName: (database) => `${database}.bak`,
  optionProblem: (option) =>
    allowed.test(option)
      ? null
      : `'${printable(option)}' cannot be used: of sqlcmd's options only -C, -G, -M, -N, -lSECONDS, -tSECONDS and -KReadOnly`,

  async look(target, around) {
    const sql = `SET NOCOUNT ON; USE ${bracketed(target.database)}; SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(60)); SELECT SUM(CAST(size AS bigint)) * 8192 FROM sys.database_files;`;
    const [version = '', bytes = ''] = await query(sql, target, around);
    const host = (target.host ?? '').replace(/^tcp:/i, '').replace(/[\\,][^]*$/, '');
    return {
      server: `SQL Server ${checked('version', version.trim(), around)}`,
      tool: 'sqlcmd',
      bytes: /^\d+$/.test(bytes.trim()) ? Number(bytes) : null,
      // Whoever may only back up sees no tables.
      tables: null,
      warnings: [
        `until the push has read it, an unencrypted backup is in ${printable(target.backup ?? '')}: keep that on an encrypted disk that only the server and this account can read`,
        ...(target.options.includes('-C') && !/^(?:\.|\(local\))$/.test(host) && !isHere(host)
          ? [unproven(host, 'give the server a certificate that this machine trusts, and leave out -C')]
          : []),
      ],
      known: {},
    };
  },

  client: () => Promise.resolve({}),

  pack(target, { password }) {
    const backup = target.backup ?? '';
    const { database } = target;
    const sql = `BACKUP DATABASE ${bracketed(database)} TO DISK = ${quoted(backup)} WITH INIT, COPY_ONLY, CHECKSUM`;
    const secret = password === null ? undefined : inEnvironment(password);
    return {
      kind: 'file',
      path: backup,
      madeByPrepare: true,
      prepare: [...sqlcmd(target), '-Q', sql],
      cleanup: removal(backup),
      ...(secret && { secret: { of: 'prepare', ...secret } }),
      restore: {
        en: 'a backup of SQL Server; the server itself has to be able to read the file, so copy it to where it can, and name that path. Where its old directories are not there, add WITH MOVE',
        nl: 'een back-up van SQL Server; de server zelf moet het bestand kunnen lezen: kopieer het naar een plek waar dat kan, en noem dat pad. Waar de oude mappen er niet zijn, voeg WITH MOVE toe',
        lines: (file) => [
          `sqlcmd -S localhost -E -b -x -Q "RESTORE DATABASE ${inDoubleQuotes(bracketed(database))} FROM DISK = N'$PWD/${inDoubleQuotes(file.replaceAll("'", "''"))}'"`,
        ],
      },
    };
  },

  list(login, around) {
    return query('SET NOCOUNT ON; SELECT name FROM sys.databases WHERE database_id > 4 ORDER BY name;', login, around);
  },
};

function query(sql: string, target: Omit<Target, 'database'>, around: Surroundings): Promise<string[]> {
  const secret = around.password === null ? undefined : inEnvironment(around.password);
  return ask([...sqlcmd(target), '-h-1', '-W', '-Q', sql], target, around, { hint, ...(secret && { secret }) });
}

/** Errors end it (-b) and go to standard error (-r1), and `$(…)` in a name is no variable (-x). */
function sqlcmd({
  program = 'sqlcmd',
  host = 'localhost',
  port,
  username,
  options,
}: Omit<Target, 'database'>): string[] {
  const server = port === undefined ? host : `${host},${port}`;
  const login = username === undefined ? '-E' : `-U${username}`;
  return [program, `-S${server}`, login, '-b', '-x', '-r1', ...options];
}

/** sqlcmd reads no file. */
function inEnvironment(password: Secret): HandedSecret {
  return { otherwise: { SQLCMDPASSWORD: password.reveal() } };
}

function bracketed(name: string): string {
  return `[${name.replaceAll(']', ']]')}]`;
}

function quoted(text: string): string {
  return `N'${text.replaceAll("'", "''")}'`;
}

function inDoubleQuotes(text: string): string {
  return text.replace(/[\\"$`]/g, String.raw`\$&`);
}

function removal(file: string): string[] {
  if (process.platform !== 'win32') return ['rm', '-f', '--', file];
  return [systemProgram('cmd'), '/d', '/c', 'del', '/f', '/q', path.win32.normalize(file)];
}
