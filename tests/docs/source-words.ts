/** What docs/configuration.md and the JSON Schema say about the keys of a source, and of a database. */
import type { databaseServer } from '../../src/config/databases.js';
import type { source } from '../../src/config/sources.js';
import type { WordsFor } from './configuration-words.js';

const failed = { 'source-failed': 'it does not exist, cannot be read, or a command fails' };

const atDatabase = {
  'source-failed': 'it cannot be reached, refuses the login, or the dump fails',
  'source-client-too-old': 'pg_dump is older than the server',
  'source-empty': 'it has no tables that the account sees',
  'secret-missing': 'the password is not where it should be',
};

export const sourceWords: WordsFor<typeof source> = {
  directory: {
    about:
      'A directory, with everything below it. Each source is one of this, `file`, `command`, `stdin` or a database.',
    example: '/srv/crm/export',
    wrong: ['~root/export', '/'],
    later: failed,
  },
  file: { about: 'A single file.', example: '/srv/crm/schema.sql', wrong: ['dump.part-1'], later: failed },
  command: {
    about: 'A command whose output is deposited. Name the output with `as`.',
    example: '[mongodump, --archive, --db=crm]',
    wrong: ['pg_dump crm'],
    later: { 'source-failed': 'it fails', 'source-empty': 'it prints nothing' },
  },
  stdin: {
    about: 'What is piped into `depot push`. Name it with `as`; only one source can be `stdin`.',
    example: 'true',
    wrong: ['false'],
    later: { 'source-empty': 'nothing is piped into it' },
  },
  postgresql: {
    about: 'A PostgreSQL database, dumped by pg_dump: its name, or its keys.',
    example: '{ database: crm, host: db.internal, username: depot, passwordFile: secrets/crm-db }',
    wrong: ['{ host: db.internal }', '{ database: crm, options: [--file=/tmp/x] }'],
    later: atDatabase,
  },
  mariadb: {
    about: 'A MariaDB database, dumped by mariadb-dump or mysqldump: its name, or its keys.',
    example: '{ database: shop, host: /run/mysqld/mysqld.sock, username: depot }',
    wrong: ['[crm]', '{ database: crm, options: [--tab=/tmp] }'],
    later: atDatabase,
  },
  mysql: {
    about: 'A MySQL database, dumped by mysqldump or mariadb-dump: its name, or its keys.',
    example: '{ database: billing, host: db.internal, username: depot, passwordFile: secrets/billing-db }',
    wrong: ['{ database: crm, password: secret }'],
    later: atDatabase,
  },
  sqlite: {
    about: 'A SQLite database, dumped as SQL by sqlite3, also while others write to it: the path of its file.',
    example: '/srv/crm/crm.db',
    wrong: ['{ path: crm.db }'],
    later: {
      'source-failed':
        'there is no such file, it is damaged or not a database, or it has text with a NUL, which a dump cuts off',
      'source-empty': 'it has no tables',
    },
  },
  sqlserver: {
    about:
      'A SQL Server database. The server writes an unencrypted backup to a disk, which is deposited and then removed by `rm -f` (Windows: `del`), or by your `cleanup`.',
    example: '{ database: staff, username: depot, passwordFile: secrets/staff-db, backup: /srv/stage/staff.bak }',
    wrong: ['crm', '{ database: crm }'],
    later: atDatabase,
  },
  as: {
    about:
      'The name under `data/` in the deposit. Default: the last part of the path, or the name of the database with `.pgdump`, `.sql` or `.bak`.',
    example: 'crm.archive',
    wrong: ['a/b', '..', 'dump.part-000001'],
  },
  exclude: {
    about:
      'What to leave out: globs, relative to the directory. `*.tmp` matches at the top level, `**/*.tmp` at every depth. They are not those of .gitignore: [examples](operations.md#exclude-patterns). Only with `directory`. Separate names with `/`, on Windows also with `\\`. Case counts if the file system is case-sensitive. A glob that matches nothing is a warning.',
    example: '["**/*.tmp"]',
    wrong: ['"**/*.tmp"'],
  },
  oneFileSystem: {
    about:
      'Leaves out other file systems that are mounted below the directory, and deposits an empty directory in place of each. `push --one-file-system` does it for every directory in one run. Only with `directory`.',
    example: 'true',
    wrong: ['"yes"'],
  },
  onChange: {
    about:
      'What to do if a file changes while it is read: `fail` fails, `warn` deposits it and says that the dataset is incomplete. Only with `directory` and `file`.',
    example: 'warn',
    wrong: ['ignore'],
    later: { 'source-changed': 'with `fail`, a file changed while it was read' },
  },
  allowEmpty: {
    about: 'Whether to deposit an empty file, empty output, or a directory without files.',
    example: 'true',
    wrong: ['"no"'],
    later: { 'source-empty': 'with `false`, there is nothing in it' },
  },
  prepare: {
    about:
      'A command that runs before the source is read. Not with `stdin`, `sqlite` and `sqlserver`. With it, depot does not check a database beforehand.',
    example: '[sqlcmd, -b, -i, backup.sql]',
    wrong: ['sqlcmd -b'],
    later: { 'source-failed': 'it fails' },
  },
  cleanup: {
    about:
      'A command that runs after the source was read, whatever happened. If it fails, depot warns. Not with `stdin`.',
    example: '[rm, -f, /srv/stage/crm.bak]',
    wrong: ['[""]'],
  },
  timeout: {
    about: 'How long each of `prepare`, `command`, `stdin` and `cleanup` may take.',
    example: '4h',
    wrong: ['0s', '2y'],
    later: { 'source-timed-out': 'it takes longer' },
  },
  env: {
    about:
      'Variables to add to the environment of the commands. Not with `stdin`. For a PostgreSQL server on another machine, `PGSSLMODE: verify-full` with `PGSSLROOTCERT` checks who answers.',
    example: '{ PGSSLMODE: verify-full, PGSSLROOTCERT: /etc/ssl/crm-ca.pem }',
    wrong: ['{ DEPOT_PASSWORD: x }', '{ A: [x] }', '[A=b]'],
  },
};

export const databaseWords: WordsFor<typeof databaseServer> = {
  database: { about: 'Its name; for SQLite the path of its file.', example: 'crm', wrong: ['[crm]'] },
  host: {
    about:
      "Name or address of the server, or the path of its socket (for PostgreSQL, of the socket's directory). Default: that of the database's own programs.",
    example: 'db.internal',
    wrong: ['""'],
  },
  port: { about: 'Its port.', example: '5432', wrong: ['0', '"5432"'] },
  username: {
    about:
      "The account there. Default: that of the database's own programs; with SQL Server, the account that runs depot.",
    example: 'depot',
    wrong: ['[depot]'],
  },
  passwordFile: {
    about:
      'A file with the password. Only the account that runs depot may be able to read it; only the programs that ask and dump the database get the password. A password in a service file of libpq (`PGSERVICE`) comes before it. Default: `~/.pgpass`, `~/.my.cnf`, or a login without one.',
    example: 'secrets/crm-db',
    wrong: ['~root/crm-db'],
    later: { 'secret-missing': 'there is no such file', 'secret-insecure': 'other accounts can read the file' },
  },
  passwordCommand: {
    about: 'A command that prints the password.',
    example: '[pass, show, databases/crm]',
    wrong: ['pass show databases/crm'],
    later: { 'secret-missing': 'it fails or prints nothing' },
  },
  options: {
    about:
      'More options for the dump program, in long form. Options that write to a disk are refused. For MariaDB and MySQL, the TLS options apply to the check before the dump too: `--ssl-verify-server-cert` and `--ssl-ca=FILE` make MariaDB prove who answers; for MySQL it is `--ssl-mode=VERIFY_IDENTITY`.',
    example: '[--exclude-table=audit]',
    wrong: ['[-T, audit]', '[--file=/tmp/x]', '[--format=directory]'],
  },
  program: {
    about:
      'The path of the dump program, if it is not on the PATH or there are several. depot looks for its client beside it.',
    example: '/usr/lib/postgresql/16/bin/pg_dump',
    wrong: ['[pg_dump]'],
  },
  backup: {
    about:
      'The file for the unencrypted backup. SQL Server writes it; the account that runs depot reads and removes it.',
    example: '/srv/stage/crm.bak',
    wrong: ['""'],
  },
};
