/** MySQL and SQL Server by stand-ins for their programs: what these are given, and what is made of what they say. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { databases, type Surroundings, type Target, tryDatabase } from '../../src/databases/databases.js';
import type { DatabaseKind } from '../../src/source.js';
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

test.each<[DatabaseKind, string, string[], RegExp]>([
  ['postgresql', 'psql', ['150004', '15.4', '1000', 'UTF8; touch x', '3'], /'UTF8; touch x' as its encoding/],
  ['postgresql', 'psql', ['150004', '\x1b]0;x\x07', '1000', 'UTF8', '3'], /'\\x1b\]0;x\\x07' as its version/],
  ['postgresql', 'psql', ['150004', '15.4', 'many', 'UTF8', '3'], /'many' as its size/],
  ['postgresql', 'psql', ['150004', '15.4', '1000', 'UTF8'], /'' as its number of tables/],
  ['mysql', 'mysql', ["version\t8.0.36\tutf8mb4'; touch x\tutf8mb4_bin", 'size\t1\t1'], /as its character set/],
  ['mysql', 'mysql', ['version\t8.0.36\tutf8mb4\tx y', 'size\t1\t1'], /'x y' as its collation/],
  ['mysql', 'mysql', ['version\tx\tutf8mb4\tutf8mb4_bin', 'size\t1\t1'], /'x' as its version/],
  ['mysql', 'mysql', ['version\t8.0.36\tutf8mb4\tutf8mb4_bin', 'size\t\t1'], /'' as its size/],
])('what a server of %s says is a plain word, or nothing that the beneficiary pastes has it', async (...row) => {
  const [kind, client, lines, message] = row;
  const directory = tempDir();
  const dump = { postgresql: 'pg_dump (PostgreSQL) 15.4', mysql: 'mysqldump  Ver 8.0.36 for Linux' }[kind as 'mysql'];
  const program = standIn('dump', `echo '${dump}'`, directory);
  writeFileSync(join(directory, 'answer'), lines.join('\n'));
  standIn(client, `cat ${directory}/answer`, directory);
  const answer = await tryDatabase({ kind, database: 'crm', password: {}, options: [], program }, around());
  expect(answer).toMatchObject({ wrong: expect.stringMatching(message) });
});

const unproven = expect.stringMatching(/^nothing proves that db\.internal is your database server/);
test.each<[DatabaseKind, Partial<Target>, unknown[]]>([
  ['postgresql', { host: 'db.internal' }, [unproven]],
  ['postgresql', { host: 'localhost,db.internal' }, [expect.stringContaining('localhost,db.internal')]],
  ['postgresql', { env: { PGHOST: 'db.internal' } }, [expect.stringContaining('the host in PGHOST')]],
  ['postgresql', { host: 'localhost', env: { PGHOSTADDR: '10.0.0.5' } }, [expect.stringContaining('localhost')]],
  ['postgresql', { host: 'db.internal', env: { PGSSLMODE: 'require' } }, [unproven]],
  ['postgresql', { host: 'db.internal', env: { PGSSLMODE: 'verify-full' } }, []],
  ['postgresql', { host: 'db.internal', env: { PGSSLROOTCERT: 'system' } }, []],
  ['postgresql', { host: '/run/postgresql' }, []],
  ['postgresql', { host: '127.0.0.1' }, []],
  ['mysql', { host: 'db.internal' }, [unproven]],
  ['mysql', { host: 'db.internal', options: ['--ssl-mode=REQUIRED'] }, [unproven]],
  ['mysql', { host: 'db.internal', options: ['--ssl-mode=VERIFY_IDENTITY'] }, []],
  ['mysql', { host: '/run/mysqld/mysqld.sock' }, []],
  ['mysql', {}, []],
])('%s warns of a server that proves nothing, as with %j', async (kind, settings, warnings) => {
  const directory = tempDir();
  const dump = { postgresql: 'pg_dump (PostgreSQL) 15.4', mysql: 'mysqldump  Ver 8.0.36 for Linux' }[kind as 'mysql'];
  const program = standIn('dump', `echo '${dump}'`, directory);
  standIn('psql', `printf '150004\\n15.4\\n1000\\nUTF8\\n3\\n'`, directory);
  standIn(
    'mysql',
    `printf '%s\\n' "$@" > ${directory}/seen; printf 'version\\t8.0.36\\tutf8mb4\\tutf8mb4_bin\\nsize\\t1\\t1\\n'`,
    directory,
  );
  const target = { kind, database: 'crm', password: {}, options: [], program, ...settings };
  expect(await tryDatabase(target, around())).toMatchObject({ found: { warnings } });
  // The question is asked over the connection that the dump will use.
  if (kind === 'mysql')
    expect(readFileSync(join(directory, 'seen'), 'utf8').split('\n')).toEqual(expect.arrayContaining(target.options));
});

test.each<[string, string[], number]>([
  ['mariadb-dump  Ver 10.19 Distrib 10.11.6-MariaDB', [], 1],
  ['mariadb-dump  Ver 10.19 Distrib 10.11.6-MariaDB', ['--ssl-verify-server-cert'], 0],
  ['mariadb-dump  Ver 10.19 Distrib 10.11.6-MariaDB', ['--ssl-verify-server-cert', '--skip-ssl'], 1],
  ['mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux', [], 0],
  ['mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux', ['--skip-ssl-verify-server-cert'], 1],
])('%s with %j: %i warnings of a server that proves nothing', async (version, options, count) => {
  const directory = mysqlPrograms(version, '10.11.6-MariaDB');
  symlinkSync(join(directory, 'mysql'), join(directory, 'mariadb'));
  const program = join(directory, 'mysqldump');
  const target = { kind: 'mariadb' as const, database: 'crm', host: 'db.internal', password: {}, options, program };
  const { found } = (await tryDatabase(target, around())) as { found: { warnings: string[] } };
  expect(found.warnings.filter((one) => one.startsWith('nothing proves'))).toHaveLength(count);
});

test('PostgreSQL is not told the password in the clear, unless the server has proved itself or the supplier wants it so', () => {
  const target = { kind: 'postgresql' as const, database: 'crm', host: 'db.internal', password: {}, options: [] };
  const given = (env: Record<string, string>, more: Partial<Target> = {}) => {
    const packed = databases.postgresql.pack({ ...target, ...more }, { password: new Secret('x'), env }, {});
    return packed.secret?.env?.['PGREQUIREAUTH'];
  };
  expect(given({})).toBe('!password');
  expect(given({ PGSSLMODE: 'verify-full' })).toBeUndefined();
  expect(given({ PGREQUIREAUTH: 'password' })).toBeUndefined();
  expect(given({}, { env: { PGREQUIREAUTH: 'gss' } })).toBeUndefined();
  expect(given({}, { host: '/run/postgresql' })).toBeUndefined();
});

test('SQL Server that says all went well and writes nothing does not have an old backup deposited', async () => {
  const directory = tempDir();
  const backup = join(directory, 'crm.bak');
  writeFileSync(backup, 'the backup of last week');
  const program = standIn('sqlcmd', `case "$*" in *BACKUP*) ;; *) printf '16.0\\n1\\n' ;; esac`, directory);
  const supplier = await Supplier.create(
    { ...(await startScriptedServer()), remoteDirectory: '/in' },
    { dataset: [{ sqlserver: { database: 'crm', host: 'db.internal', backup, program, options: ['-C'] } }] },
  );
  const { result, stderr } = await supplier.push();
  expect(result.error).toMatchObject({
    code: 'source-failed',
    published: 'no',
    message: expect.stringMatching(/nothing was written to .*crm\.bak/),
  });
  expect(stderr).toContain('nothing proves that db.internal is your database server');
});

test('SQL Server may have a database with a line break in its name, but not in the lines of the README', async () => {
  const directory = tempDir();
  const program = standIn('sqlcmd', `printf '16.0\\n1\\n'`, directory);
  const backup = join(directory, 'crm.bak');
  const supplier = await Supplier.create(
    { ...(await startScriptedServer()), remoteDirectory: '/in' },
    { dataset: [{ sqlserver: { database: 'a\nb', backup, program }, as: 'crm.bak' }] },
  );
  const { result } = await supplier.push();
  expect(result.error).toMatchObject({ code: 'source-failed', message: expect.stringMatching(/no line to type/) });
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
