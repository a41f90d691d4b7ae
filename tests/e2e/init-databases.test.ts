/** Databases in the set-up: asked for on a terminal of 80 columns, tried at once as the account that pushes, against real servers. */
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { depot } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { type Mariadb, startMariadb } from '../support/mariadb.js';
import { asRoot, peers } from '../support/peers.js';
import { type Postgres, startPostgres } from '../support/postgres.js';
import { mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { terminal, type Turn } from '../support/terminal.js';
import { standIn } from './databases.js';
import { asService, lookMyself, machine, type Machine } from './machine.js';

const here = peers('sshd', 'ssh-keygen', 'python3', 'setpriv') !== undefined && asRoot();
const pg = peers('initdb', 'pg_ctl', 'psql', 'pg_dump');
const maria = peers('mariadb', 'mariadb-dump', 'mariadb-install-db', 'mariadbd');
const sqlite = peers('sqlite3');
const [down, up] = ['\x1b[B', '\x1b[A'];
const password = `p:a\\s "w'ord" #é`;

describe.skipIf(!here || !pg || !maria || !sqlite)('depot init, with databases', () => {
  let server: Sshd;
  let postgres: Postgres;
  let mariadb: Mariadb;
  let pgSocket: string;
  let program: { node: string; script: string };
  beforeAll(async () => {
    [server, postgres, mariadb] = await Promise.all([startSshd(), startPostgres(pg!), startMariadb(maria!)]);
    pgSocket = postgres.env['PGHOST']!;
    for (const directory of [pgSocket, dirname(mariadb.socket)]) chmodSync(directory, 0o711);
    program = installed();
    await postgres.psql('postgres', `create role escrow login password '${password.replaceAll("'", "''")}'`);
    await postgres.psql('postgres', 'create database crm');
    await postgres.psql('crm', 'create table customer (id int); grant select on customer to escrow');
    await mariadb.sql(
      'mysql',
      `create database shop; create table shop.orders (id int); create user escrow@localhost identified by 'shop password';
       grant select, show view, trigger, event on shop.* to escrow@localhost; grant select on mysql.proc to escrow@localhost`,
    );
  }, 120_000);

  const flags = (m: Machine, user = 'daemon'): string[] => [
    ...['init', '--config', m.config, '--state', m.state, '--user', user, '--supplier', 'Acme'],
    ...['--arrangement', 'acme-crm', '--beneficiary', 'Voorbeeld', '--beneficiary-key', m.beneficiary.publicKey],
    ...['--fingerprint', m.beneficiary.fingerprint, '--signer-email', 'ops@acme.example', '--no-passphrase'],
    ...['--host', server.host, '--port', String(server.port), '--username', server.username],
    ...['--directory', server.remoteDirectory, '--host-key', server.fingerprints[0], '--every', '24h'],
    ...['--private-key', server.privateKeyFile],
  ];
  const at = (m: Machine, dialogue: Turn[], given = flags(m), env: NodeJS.ProcessEnv = {}) =>
    terminal([...given, '--schedule', 'none'], {
      cwd: m.root,
      columns: 80,
      dialogue,
      program,
      env: { HOME: m.root, ...env },
    });
  const line = (number: number): string => `${down.repeat(number - 1)}\r`;
  const written = (m: Machine): unknown =>
    (parse(readFileSync(m.config, 'utf8')) as { arrangements: { 'acme-crm': { dataset: unknown } } }).arrangements[
      'acme-crm'
    ].dataset;
  const tables = { postgresql: 2, mariadb: 3, sqlite: 5, sqlserver: 6 };

  test('a password that is wrong is corrected, a name that is taken gets another, and the account that pushes can dump it all', async () => {
    const m = await machine();
    writeFileSync(join(m.root, 'shop'), 'shop password\n', { mode: 0o600 });
    writeFileSync(join(m.root, 'open'), 'x\n', { mode: 0o644 });
    await mustRun('sqlite3', [join(m.root, 'crm.db'), 'create table note (id integer)']);
    const toPostgres = (typed: string): Turn[] => [
      [pgSocket, '\r'],
      ['Its port (Enter: 5432)', '\r'],
      ['User name there (type - for that of', '\r'],
      ['How does depot get', '\r'],
      ['Password of escrow', `${typed}\r`],
    ];
    const { code, text, raw } = await at(m, [
      // Chosen by mistake: Enter goes back.
      ['What do you want to deposit?', '\r'],
      ['A directory or file', '\r'],
      ['What do you want to deposit?', line(tables.postgresql)],
      ['Name of the PostgreSQL database', 'crm\r'],
      ['Host, or directory of its socket', `${pgSocket}\r`],
      ['Its port', '\r'],
      ['that of the account, daemon', 'escrow\r'],
      ['How does depot get', line(2)],
      ['Password of escrow', 'wrong one\r'],
      ['password authentication failed', ''],
      ['Add it anyway?', '\r'],
      ['Name of the PostgreSQL database [crm]', '\r'],
      ...toPostgres(password),
      ['with 1 table', ''],
      ['Anything else?', line(2)],
      ['What else?', line(tables.postgresql)],
      ['Name of the PostgreSQL database', 'CRM\r'],
      ['Host, or', '/nowhere\r'],
      ['Its port', '\r'],
      ['User name there', '\r'],
      ['How does depot get', '\r'],
      ['is already the name of another source', ''],
      ['What should it be called', '\r'],
      ['No such file or directory', ''],
      ['Add it anyway?', line(3)],
      ['called CRM-2.pgdump', ''],
      ['Anything else?', line(2)],
      ['What else?', line(tables.mariadb)],
      ['Name of the MariaDB database', 'shop\r'],
      ['Host, or its socket', `${mariadb.socket}\r`],
      ['User name there', 'escrow\r'],
      ['How does depot get', line(3)],
      // Enter goes back; a file of the system is not one to change.
      ['File with the password (Enter: back)', '\r'],
      ['How does depot get', line(3)],
      ['File with the password', '/etc/hosts\r'],
      ['choose a file of its own', ''],
      ['File with the password', 'open\r'],
      ['can be read or changed by other accounts', ''],
      [`chown root:daemon ${join(m.root, 'open')}`, ''],
      ['What now?', line(2)],
      ['How does depot get', line(3)],
      ['File with the password', 'shop\r'],
      ['cannot read it yet', ''],
      [`chown root:daemon ${join(m.root, 'shop')}`, ''],
      ['What now?', line(3)],
      ['give that account access to it', ''],
      ['Add it anyway?', '\r'],
      ['database [shop]', '\r'],
      [mariadb.socket, '\r'],
      ['User name there', '\r'],
      ['How does depot get', `${up}\r`],
      ['Password of escrow', 'shop password\r'],
      ['MariaDB 1', ''],
      ['Anything else?', line(3)],
      ['Remove which?', line(2)],
      ['Anything else?', line(2)],
      ['What else?', line(tables.sqlite)],
      ['File of the SQLite', '~/crm.\t\r'],
      ['SQLite file with 1 table', ''],
      ['Anything else?', '\r'],
      ['Is this right?', '\r'],
      ['A push should work', ''],
      ['Do a trial run now?', '\r'],
      ['What time should', '\r'],
      ...lookMyself,
    ]);
    expect(code, text).toBe(0);
    for (const secret of ['wrong one', 'shop password', password]) expect(raw).not.toContain(secret);
    const login = { username: 'escrow' };
    expect(written(m)).toEqual([
      {
        postgresql: {
          database: 'crm',
          host: pgSocket,
          ...login,
          passwordFile: 'secrets/crm.pgdump.password',
        },
      },
      { mariadb: { database: 'shop', host: mariadb.socket, ...login, passwordFile: 'secrets/shop.sql.password' } },
      { sqlite: join(m.root, 'crm.db') },
    ]);
    const secrets = join(m.root, 'etc/secrets');
    expect(readdirSync(secrets).sort()).toEqual(['crm.pgdump.password', 'shop.sql.password']);
    for (const file of readdirSync(secrets)) {
      const { uid, mode } = statSync(join(secrets, file));
      expect([uid, mode & 0o777]).toEqual([1, 0o600]);
    }
    const checked = await asService(program, 'config', 'check', '--config', m.config);
    expect(checked.code, checked.stdout).toBe(0);
    const pushed = await asService(program, 'push', '--config', m.config);
    expect(pushed.code, pushed.stderr).toBe(0);
  }, 90_000);

  test('interrupted, it keeps the database without its password, which is asked for again; what is left out leaves no file', async () => {
    const m = await machine();
    const first = await at(m, [
      ['What do you want to deposit?', line(tables.postgresql)],
      ['Name of the PostgreSQL database', 'crm\r'],
      ['Host, or directory of its socket', `${pgSocket}\r`],
      ['Its port', '\r'],
      ['User name there', 'escrow\r'],
      ['How does depot get', line(2)],
      ['Password of escrow', `${password}\r`],
      ['with 1 table', ''],
      ['Anything else?', line(2)],
      ['What else?', '\r'],
      ['A directory or file', 'export\r'],
      ['Anything else?', '\x03'],
    ]);
    expect(first.code, first.text).toBe(130);
    const draft = readFileSync(`${m.config}.answers.json`, 'utf8');
    expect(JSON.parse(draft)).toMatchObject({ sources: [{ database: 'crm', password: { typed: null } }, {}] });
    expect(draft).not.toContain('p:a');
    const second = await at(
      m,
      [
        ['to deposit', ''],
        ['PostgreSQL crm at', ''],
        ['Continue with these answers?', '\r'],
        ['Password of escrow', 'another\r'],
        ['password authentication failed', ''],
        ['Add it anyway?', line(4)],
        ['Is this right?', '\r'],
        ['Do a trial run now?', '\x03'],
      ],
      ['init', '--config', m.config, '--state', m.state, '--no-passphrase'],
    );
    expect(second.code, second.text).toBe(130);
    expect(written(m)).toEqual([{ directory: join(m.root, 'export') }]);
    expect(existsSync(join(m.root, 'etc/secrets'))).toBe(false);
  }, 60_000);

  test('SQL Server, by a stand-in: says that the backup is not encrypted, and where it will be', async () => {
    const m = await machine();
    const programs = join(m.root, 'bin');
    await mustRun('mkdir', [programs]);
    standIn('sqlcmd', 'printf "16.0.1000.6\\n8192\\n"', programs);
    const { code, text } = await at(
      m,
      [
        ['What do you want to deposit?', line(tables.sqlserver)],
        ['Name of the SQL Server database', 'crm\r'],
        ['Host (Enter: this machine)', '\r'],
        ['User name there', '\r'],
        ['How does depot get', '\r'],
        ['writes an unencrypted backup to a file', ''],
        ['File for that backup', 'crm.bak\r'],
        ['enter an absolute path', ''],
        ['File for that backup', '/srv/backup/crm.bak\r'],
        ['SQL Server 16.0.1000.6', ''],
        ['Anything else?', '\r'],
        ['Is this right?', '\r'],
        ['trial run', '\x03'],
      ].filter(([after]) => !after.includes('|')) as Turn[],
      flags(m, 'root'),
      { PATH: `${programs}:${process.env['PATH'] ?? ''}` },
    );
    expect(code, text).toBe(130);
    expect(written(m)).toEqual([{ sqlserver: { database: 'crm', backup: '/srv/backup/crm.bak' } }]);
  });

  test('as flags, two of one name get different ones, and the account can push', async () => {
    const m = await machine();
    const file = join(m.root, 'db password');
    writeFileSync(file, `${password}\n`, { mode: 0o600 });
    const given = flags(m).concat(
      ...['--yes', '--json', '--source', 'export'],
      ...['--database', `postgresql://escrow@${encodeURIComponent(pgSocket)}/crm`, '--database-password-file', file],
      ...['--database', `postgresql://escrow@/crm?host=${encodeURIComponent(pgSocket)}`],
      ...['--database-password-file', 'db password'],
    );
    const made = await depot(given, { cwd: m.root, env: { HOME: m.root } });
    expect(made.code, made.stdout).toBe(0);
    const { next } = JSON.parse(made.stdout) as { next: string[] };
    expect(next[0]).toMatch(/chown root:daemon .*db password/);
    await mustRun('sh', ['-ec', next[0]]);
    expect(written(m)).toMatchObject([
      { directory: join(m.root, 'export') },
      { postgresql: { database: 'crm', passwordFile: file } },
      { postgresql: { database: 'crm', passwordFile: file }, as: 'crm-2.pgdump' },
    ]);
    const doctor = await asService(program, 'doctor', '--config', m.config);
    expect(doctor.code, doctor.stdout).toBe(0);
  });
});
