/** MySQL and SQL Server by stand-ins for their programs: what these are given, and what is made of what they say. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Surroundings, tryDatabase } from '../../src/databases/databases.js';
import { missingGrants } from '../../src/databases/mysql-grants.js';
import { handOver } from '../../src/handed-secret.js';
import { Secret } from '../../src/secret.js';
import { tempDir } from '../support/cleanup.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';
import { standIn } from '../e2e/databases.js';

const around = (o: Partial<Surroundings> = {}): Surroundings => ({
  label: 'source x',
  directory: tempDir(),
  env: { PATH: process.env['PATH'] },
  password: null,
  timeoutMs: 20_000,
  ...o,
});

/** Programs of MySQL of this version, against a server of that one; each leaves its arguments and environment in a file of its name. */
function mysqlPrograms(version: string, server: string, grants = 'GRANT ALL PRIVILEGES ON *.* TO `a`@`%%`'): string {
  const directory = tempDir();
  const seen = (name: string): string =>
    `{ printf '%s\\n' "$@"; env | sort; cat /proc/self/fd/3 2>/dev/null; } > ${directory}/${name}.seen`;
  standIn(
    'mysql',
    `${seen('mysql')}; printf 'version\\t${server}\\tutf8mb4\\tutf8mb4_0900_ai_ci\\nsize\\t123456\\t2\\n${grants}\\n'`,
    directory,
  );
  standIn(
    'mysqldump',
    `case $1 in --version) echo '${version}'; exit ;; esac; ${seen('mysqldump')}; printf 'INSERT 1;\\n-- Dump completed\\n'`,
    directory,
  );
  return directory;
}

test('MySQL 8 is dumped without its ids and statistics, and its password is in no argument and no variable', async () => {
  const directory = mysqlPrograms('mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)', '8.0.36');
  const server = await startScriptedServer();
  const program = join(directory, 'mysqldump');
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    {
      dataset: [
        {
          mysql: {
            database: '-rf',
            host: 'db.internal',
            port: 3307,
            username: 'depot',
            passwordFile: 'secrets/db',
            program,
          },
          as: 'crm.sql',
        },
      ],
    },
  );
  writeFileSync(join(supplier.directory, 'secrets/db'), 'corr"ect#\\horse\n', { mode: 0o600 });
  await supplier.deposit();
  const seen = readFileSync(join(directory, 'mysqldump.seen'), 'utf8');
  const lines = seen.split('\n');
  expect(lines[0]).toBe('--defaults-extra-file=/proc/self/fd/3');
  for (const option of [
    '--host=db.internal',
    '--port=3307',
    '--user=depot',
    '--single-transaction',
    '--set-gtid-purged=OFF',
    '--column-statistics=0',
    '--skip-dump-date',
  ])
    expect(lines).toContain(option);
  expect(seen).toMatch(/^--\n-rf\n/m);
  expect(seen.match(/horse/g)).toHaveLength(1);
  expect(seen).toContain('password="corr\\"ect#\\\\horse"\n');
});

test('with prepare, which may open the way to it, nobody asks the server before, and the options fit the program', async () => {
  const directory = mysqlPrograms('mysqldump  Ver 8.4.0 for Linux on x86_64', '8.4.0');
  const program = join(directory, 'mysqldump');
  const supplier = await Supplier.create(
    { ...(await startScriptedServer()), remoteDirectory: '/in' },
    { dataset: [{ mysql: { database: 'crm', program }, prepare: ['touch', join(directory, 'open')] }] },
  );
  await supplier.deposit();
  expect(readFileSync(join(directory, 'mysqldump.seen'), 'utf8')).toContain(
    '--set-gtid-purged=OFF\n--column-statistics=0\n',
  );
  expect(existsSync(join(directory, 'open'))).toBe(true);
  expect(existsSync(join(directory, 'mysql.seen'))).toBe(false);
  const { stdout } = await supplier.depot(['doctor']);
  expect(stdout.replace(/\s+/g, ' ')).toContain('was not run, and the database may only be there after it');
});

test('MySQL 5.7 has no statistics to leave out', async () => {
  const directory = mysqlPrograms('mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)', '5.7.44-log');
  const answer = await tryDatabase(
    { kind: 'mysql', database: 'crm', password: {}, options: [], program: join(directory, 'mysqldump') },
    around(),
  );
  expect(answer).toMatchObject({
    found: { server: 'MySQL 5.7.44', tables: 2, bytes: 123456, warnings: [], known: { family: 'MySQL', major: '5' } },
  });
});

test.each([
  [
    'mysqldump  Ver 8.0.36 for Linux',
    '10.11.6-MariaDB',
    /of MySQL 8\.0\.36 dumps a server of MariaDB 10\.11\.6.*install mariadb-dump/,
  ],
  [
    'mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux',
    '8.4.0',
    /of MariaDB 11\.4\.2 dumps a server of MySQL 8\.4\.0.*install MySQL's mysqldump/,
  ],
  ['mysqldump  Ver 10.13 Distrib 5.7.44', '8.0.36', /5\.7\.44 is older than the server, MySQL 8\.0\.36/],
  ['mysqldump  Ver 9.1.0 for Linux', '8.0.36', null],
])('%s against a server %s: %s', async (version, server, warning) => {
  const program = join(mysqlPrograms(version, server), 'mysqldump');
  const answer = await tryDatabase({ kind: 'mysql', database: 'crm', password: {}, options: [], program }, around());
  expect(answer).toMatchObject({ found: { warnings: warning === null ? [] : [expect.stringMatching(warning)] } });
});

test.each([
  [['GRANT ALL PRIVILEGES ON `crm`.* TO `a`@`%`'], 0],
  [
    [
      'GRANT USAGE ON *.* TO `a`@`%`',
      'GRANT SELECT, TRIGGER, EVENT ON `crm`.* TO `a`@`%`',
      'GRANT SHOW_ROUTINE ON *.* TO `a`@`%`',
    ],
    0,
  ],
  [['GRANT SELECT, TRIGGER, EVENT ON `cr_`.* TO `a`@`%`', 'GRANT SHOW_ROUTINE ON *.* TO `a`@`%`'], 0],
  [['GRANT SELECT, TRIGGER, EVENT ON `cr\\_`.* TO `a`@`%`', 'GRANT SHOW_ROUTINE ON *.* TO `a`@`%`'], 3],
  [['GRANT SELECT ON `crm`.`one` TO `a`@`%`', 'GRANT SHOW_ROUTINE, TRIGGER, EVENT ON *.* TO `a`@`%`'], 1],
  [['GRANT SELECT ON `crm`.* TO `a`@`%`'], 3],
  [['GRANT SELECT, TRIGGER ON `crm`.* TO `a`@`%`', 'GRANT SHOW_ROUTINE ON *.* TO `a`@`%`'], 1],
  // What a role grants is not shown.
  [['GRANT USAGE ON *.* TO `a`@`%`', 'GRANT `reader`@`%` TO `a`@`%`'], 0],
])('of %j, %i rights are missed', (grants, count) => {
  expect(missingGrants(grants, { database: 'crm', options: [] }, 'MySQL')).toHaveLength(count);
});

test('SQL Server writes its backup and it is deposited and removed; the password is in the environment of sqlcmd alone', async () => {
  const directory = tempDir();
  const backup = join(directory, "it's.bak");
  const program = standIn(
    'sqlcmd',
    `{ printf '%s\\n' "$@"; env | sort; echo; } >> ${directory}/seen
     case "$*" in *BACKUP*) echo BAK > "${backup}" ;; *) printf '16.0.4105.2\\n1048576\\n' ;; esac`,
    directory,
  );
  const server = await startScriptedServer();
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    {
      dataset: [
        {
          sqlserver: {
            database: 'c]rm$(x)',
            host: 'db',
            port: 1434,
            username: '-depot',
            passwordFile: 'secrets/db',
            backup,
            program,
            options: ['-C'],
          },
        },
      ],
    },
  );
  writeFileSync(join(supplier.directory, 'secrets/db'), 'correct horse\n', { mode: 0o600 });
  const { stderr } = await supplier.push();
  expect(stderr).toContain('an unencrypted backup is in');
  expect(existsSync(backup)).toBe(false);
  const [asked = '', made = ''] = readFileSync(join(directory, 'seen'), 'utf8').split('\n\n');
  expect(made.split('\n').slice(0, 8)).toEqual([
    '-Sdb,1434',
    '-U-depot',
    '-b',
    '-x',
    '-r1',
    '-C',
    '-Q',
    `BACKUP DATABASE [c]]rm$(x)] TO DISK = N'${backup.replace("'", "''")}' WITH INIT, COPY_ONLY, CHECKSUM`,
  ]);
  for (const text of [asked, made]) expect(text.match(/correct horse/g)).toEqual(['correct horse']);
  for (const text of [asked, made]) expect(text).toContain('SQLCMDPASSWORD=correct horse');

  const doctor = await supplier.depot(['doctor']);
  expect(doctor.stdout).toMatch(/SQL Server 16\.0\.4105\.2; sqlcmd; 1\.0 MiB/);
  expect(doctor.stdout.replace(/\s+/g, ' ')).toContain('an unencrypted backup is in');
});

test('a failed backup fails the push, and is removed', async () => {
  const directory = tempDir();
  const backup = join(directory, 'crm.bak');
  const program = standIn(
    'sqlcmd',
    `case "$*" in *BACKUP*) echo half > "${backup}"; echo 'Msg 3013: BACKUP DATABASE is terminating abnormally.' >&2; exit 1 ;; *) printf '16.0\\n1\\n' ;; esac`,
    directory,
  );
  const server = await startScriptedServer();
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    { dataset: [{ sqlserver: { database: 'crm', backup, program } }] },
  );
  const { result } = await supplier.push();
  expect(result.error).toMatchObject({
    code: 'source-failed',
    published: 'no',
    message: expect.stringContaining('Msg 3013'),
  });
  expect(existsSync(backup)).toBe(false);
});

test('where a file cannot be handed over, the password is a variable of that one program', () => {
  const secret = { content: 'file', variable: 'PGPASSFILE', env: { PGPASSWORD: '' }, otherwise: { PGPASSWORD: 'x' } };
  expect(handOver(secret, 'darwin')).toEqual({ arguments: [], env: { PGPASSWORD: 'x' }, fd: null });
});

test('what cannot be tried is said, and a password that is not one line is refused before it is used', async () => {
  const target = {
    kind: 'postgresql' as const,
    database: 'crm',
    password: {},
    options: [],
    program: join(tempDir(), 'pg_dump'),
  };
  expect(await tryDatabase(target, around({ password: new Secret('x') }))).toMatchObject({
    wrong: expect.stringMatching(/the program .*pg_dump was not found/),
    hint: expect.stringContaining('program:'),
  });
  const supplier = await Supplier.create(
    { ...(await startScriptedServer()), remoteDirectory: '/in' },
    { dataset: [{ postgresql: { database: 'crm', passwordFile: 'secrets/db' } }] },
  );
  writeFileSync(join(supplier.directory, 'secrets/db'), 'one\ntwo\n', { mode: 0o600 });
  const { result } = await supplier.push();
  expect(result.error).toMatchObject({ code: 'secret-missing', exit: 17, published: 'no' });
});
