/** `mariadb:` as a source, against a real server: dumped, restored as the README says, refused where it has to be. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { databases, listDatabases, type Surroundings, tryDatabase } from '../../src/databases/databases.js';
import { Secret } from '../../src/secret.js';
import { tempDir } from '../support/cleanup.js';
import { type Mariadb, startMariadb } from '../support/mariadb.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { Supplier, type SupplierOptions } from '../support/supplier.js';
import { checkOf, decrypted, documentedAccount, dumped, restoreAsPrinted, standIn } from './databases.js';

const ssh = peers('sshd', 'ssh-keygen');
const programs = peers('mariadb', 'mariadb-dump', 'mariadb-install-db', 'mariadbd');
// Not with quotes or backslashes: mariadb-dump itself fails to dump routines of such a database, with an error.
const odd = `-odd na=me ?%é\``;
const password = `p"a\\s#s' ;x é`;
const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

describe.skipIf(!ssh || !programs)('a MariaDB database as a source', () => {
  let maria: Mariadb;
  let server: Sshd;
  let login: { host: string; username: string };
  beforeAll(async () => {
    [maria, server] = await Promise.all([startMariadb(programs!), startSshd()]);
    login = { host: maria.socket, username: 'root' };
    await maria.sql(
      'mysql',
      `create database ${quoted(odd)}; create database empty;
       create user escrow@localhost identified by '${password.replaceAll('\\', '\\\\').replaceAll("'", "''")}';
       grant select, show view, lock tables, event on ${quoted(odd.replace(/[%_]/g, '\\$&'))}.* to escrow@localhost;
       create user nobody_here@localhost; grant select on empty.* to nobody_here@localhost`,
    );
    await maria.sql(
      odd,
      `
      create table customer (id int primary key auto_increment, name varchar(200) not null, payload longblob, since datetime(6) default now(6),
        initial char(1) as (upper(left(name, 1))) stored, twice int as (id * 2) virtual) character set utf8mb4;
      insert into customer (name, payload) select concat('Klant ', seq, ' – ''naam'' 😀'), unhex(md5(seq)) from seq_1_to_20000;
      insert into customer (name, payload) values ('tab\\tline\\nback\\\\slash"', x'0000ff001a'), ('', ''), ('null', null);
      create table ${quoted('-rf `quoted` é')} (${quoted('sel ect')} double, b bit(8), j json, e enum('a','b''c'), u binary(3));
      insert into ${quoted('-rf `quoted` é')} values (0.1, b'101', '{"a": 1}', 'b''c', x'00ff00'), (1e300, null, null, null, null);
      create view names as select name from customer where id % 2 = 0;
      create sequence numbers start with 7;
      create table log (what varchar(100));
      delimiter //
      create trigger audit after insert on customer for each row begin insert into log values (new.name); end//
      create procedure add_one(in n varchar(100)) begin insert into customer (name) values (n); end//
      create function answer() returns int deterministic return 42//
      create event tidy on schedule every 1 year starts '2030-01-01' do begin delete from log; end//`,
    );
  });

  const supplierWith = (
    settings: Record<string, unknown>,
    more: Record<string, unknown> = {},
    o: SupplierOptions = {},
  ) =>
    Supplier.create(server, {
      ...o,
      dataset: [{ mariadb: { database: odd, ...login, ...settings }, as: 'crm.sql', ...more }],
    });
  const around = (o: Partial<Surroundings> = {}): Surroundings => ({
    label: 'source x',
    directory: tempDir(),
    env: { PATH: process.env['PATH'] },
    password: null,
    timeoutMs: 20_000,
    ...o,
  });
  const all = (database: string): Promise<string> =>
    maria.sql(
      database,
      `select *, hex(payload) from customer order by id; select *, hex(b), hex(u) from ${quoted('-rf `quoted` é')} order by 1;
       select count(*) from names; select count(*) from log; show create procedure add_one; show create function answer; select trigger_name, action_statement, database_collation from information_schema.triggers where trigger_schema = database();
       select next_not_cached_value from numbers; select event_name, event_definition, interval_field from information_schema.events where event_schema = database();
       select table_name, column_name, column_type, generation_expression, column_default from information_schema.columns where table_schema = database() order by 1, 2`,
    );

  test('is dumped into a suitcase and restored by the lines of its README, with everything that is in it', async () => {
    const supplier = await supplierWith({}, { as: 'the crm.sql' });
    const out = await decrypted(supplier, server, await supplier.deposit());
    const before = await all(odd);
    const home = tempDir();
    writeFileSync(join(home, '.my.cnf'), `[client]\nsocket=${maria.socket}\nuser=root\n`);
    const typed = await restoreAsPrinted(out, { PATH: process.env['PATH'], HOME: home });
    expect(typed).toBe(
      "mariadb --execute='CREATE DATABASE the_crm CHARACTER SET latin1 COLLATE latin1_swedish_ci'\nmariadb --binary-mode --default-character-set=utf8mb4 --max-allowed-packet=1G the_crm < 'data/the crm.sql'",
    );
    expect(await all('the_crm')).toBe(before);
    expect(before).toContain('0000FF001A');
  });

  test('cannot have commands run where it is restored, whatever its server calls itself', async () => {
    const mark = join(tempDir(), 'ran');
    const dump = programs!['mariadb-dump'];
    const hostile = standIn(
      'mariadb-dump',
      `case $1 in --version) exec ${dump} "$@" ;; esac; ${dump} "$@" | sed '/sandbox mode/d; s|^-- Server version.*|&\\n\\\\! touch ${mark}|'`,
    );
    symlinkSync(programs!.mariadb, join(dirname(hostile), 'mariadb'));
    const supplier = await supplierWith({ program: hostile }, { as: 'hostile.sql' });
    const out = await decrypted(supplier, server, await supplier.deposit());
    const home = tempDir();
    writeFileSync(join(home, '.my.cnf'), `[client]\nsocket=${maria.socket}\nuser=root\n`);
    await expect(restoreAsPrinted(out, { PATH: process.env['PATH'], HOME: home })).rejects.toThrow(/Unknown command/);
    expect(existsSync(mark)).toBe(false);
  });

  test('with a few changed rows gives a small increment; two dumps of the same data are alike', async () => {
    const supplier = await supplierWith({}, {}, { arrangement: { incremental: { agentKeeps: '90d' } } });
    const full = await supplier.deposit();
    await maria.sql(odd, "update customer set payload = repeat('x', 3) where id in (7, 15000)");
    const next = await supplier.deposit();
    expect(next.receipt.suitcase.bytes).toBeLessThan(full.receipt.suitcase.bytes / 10);
    const again = await supplier.deposit();
    expect(again.receipt).toMatchObject({ chain: { number: 2 } });
    const out = await decrypted(supplier, server, next, server.incoming);
    expect(readFileSync(join(out, 'DEPOT/README.md'), 'utf8')).toContain('mariadb --execute=');
  });

  test('gets its password in a file that nobody else sees, before that of ~/.my.cnf; without one, ~/.my.cnf has it', async () => {
    const directory = tempDir();
    const seen = join(directory, 'seen');
    const tool = standIn(
      'mariadb-dump',
      `case $1 in --version) ;; *) { printf '%s\\n' "$@"; env; stat -L -c '%a %h' /proc/self/fd/3; } > ${seen} ;; esac; exec ${programs!['mariadb-dump']} "$@"`,
    );
    symlinkSync(programs!.mariadb, join(dirname(tool), 'mariadb'));
    const supplier = await supplierWith(
      {
        username: 'escrow',
        passwordFile: 'secrets/db',
        program: tool,
        options: ['--skip-triggers', '--skip-routines'],
      },
      { cleanup: ['sh', '-c', `env > ${seen}.cleanup`] },
    );
    writeFileSync(join(supplier.directory, 'secrets/db'), `${password}\n`, { mode: 0o600 });
    const home = tempDir();
    writeFileSync(join(home, '.my.cnf'), '[client]\npassword=wrong\n');
    await supplier.deposit([], { env: { HOME: home } });
    const child = readFileSync(seen, 'utf8');
    expect(child.split('\n')[0]).toBe('--defaults-extra-file=/proc/self/fd/3');
    expect(child).toMatch(/^600 0$/m);
    for (const text of [child, readFileSync(`${seen}.cleanup`, 'utf8')]) expect(text).not.toMatch(/p"a|MYSQL_PWD/);

    writeFileSync(join(home, '.my.cnf'), `[client]\npassword="${password.replace(/[\\"]/g, '\\$&')}"\n`);
    const target = {
      kind: 'mariadb' as const,
      database: odd,
      host: maria.socket,
      username: 'escrow',
      password: {},
      options: [],
    };
    expect(await tryDatabase(target, around({ env: { PATH: process.env['PATH'], HOME: home } }))).toMatchObject({
      found: { server: expect.stringMatching(/^MariaDB 1\d\./), tables: 5 },
    });
    expect(await tryDatabase({ ...target, env: { MYSQL_PWD: password } }, around())).toHaveProperty('found');
  });

  test('is refused before anything is at the agent: wrong password, no such database, one of which the account sees nothing', async () => {
    const before = server.names();
    const supplier = await supplierWith({ username: 'escrow', passwordFile: 'secrets/db' });
    const refused = async (message: RegExp, hint: string, code = 'source-failed') => {
      const { result } = await supplier.push();
      expect(result.error).toMatchObject({
        code,
        exit: 3,
        published: 'no',
        message: expect.stringMatching(message),
        hint: expect.stringContaining(hint),
      });
      expect(await checkOf(supplier, 'source crm.sql')).toMatchObject({
        result: 'failed',
        detail: expect.stringMatching(message),
      });
    };
    writeFileSync(join(supplier.directory, 'secrets/db'), `wrong\n`, { mode: 0o600 });
    await refused(
      new RegExp(
        `MariaDB at ${maria.socket} refused the password of escrow \\(from ${supplier.directory}/secrets/db\\)[^]*Access denied for user 'escrow'`,
      ),
      `correct the password in ${supplier.directory}/secrets/db`,
    );
    const from = (settings: Record<string, unknown>) =>
      supplier.writeConfig({ dataset: [{ mariadb: { ...login, ...settings }, as: 'crm.sql' }] });
    from({ database: 'none' });
    await refused(/MariaDB at .* has no database none[^]*Unknown database 'none'/, 'check database:');
    from({ database: 'none', username: 'nobody_here' });
    await refused(/MariaDB at .* does not let nobody_here in from here[^]*1044/, 'ask whoever runs the database');
    from({ database: 'x', host: '127.0.0.1', port: 1 });
    await refused(/MariaDB at 127\.0\.0\.1:1 is not running or cannot be reached[^]*Can't connect/, 'start it, or ask');
    from({ database: 'x', host: `${maria.socket}-gone` });
    await refused(/-gone is not running or cannot be reached: its socket is not there/, 'start it, or ask');
    from({ database: 'empty', username: 'nobody_here' });
    await refused(/this account sees no tables/, 'check the name', 'source-empty');
    expect(server.names()).toEqual(before);
  });

  // mariadb-dump selects such a database by its escaped name.
  test.each([`it's`, 'a"b', 'a\\b', `'"\\`])(
    '%s is dumped without events; with events, the error says why not',
    async (name) => {
      await maria.sql('mysql', `create database ${quoted(name)}; create table ${quoted(name)}.t (a int)`);
      const push = async (more: object = {}) => {
        const supplier = await supplierWith({});
        supplier.writeConfig({
          dataset: [{ mariadb: { database: name, host: maria.socket, username: 'root', ...more }, as: 'crm.sql' }],
        });
        return supplier.push();
      };
      expect((await push()).code).toBe(0);
      await maria.sql('mysql', `create event ${quoted(name)}.e on schedule every 1 day do select 1`);
      expect((await push()).result.error).toMatchObject({
        code: 'source-failed',
        message: expect.stringContaining('cannot dump the events of a database whose name contains'),
        hint: expect.stringContaining('[--skip-events]'),
      });
      expect((await push({ options: ['--skip-events'] })).code).toBe(0);
    },
  );

  test('warns of tables without transactions, and of what the account may not see and is left out without a word', async () => {
    await maria.sql('mysql', 'create database old; create table old.t (a int) engine=myisam');
    const supplier = await supplierWith({ database: 'old' });
    const { stderr } = await supplier.push();
    expect(stderr).toContain('t (MyISAM): no transactions');
    const target = {
      kind: 'mariadb' as const,
      database: odd,
      host: maria.socket,
      username: 'escrow',
      password: {},
      options: [],
    };
    const answer = await tryDatabase(target, around({ password: new Secret(password) }));
    expect(answer).toMatchObject({
      found: {
        warnings: [
          expect.stringContaining('no TRIGGER privilege'),
          expect.stringContaining('cannot see the procedures and functions'),
        ],
      },
    });
    await maria.sql(
      'mysql',
      `grant trigger on ${quoted(odd.replace(/[%_]/g, '\\$&'))}.* to escrow@localhost; grant select on mysql.proc to escrow@localhost`,
    );
    expect(await tryDatabase(target, around({ password: new Secret(password) }))).toMatchObject({
      found: { warnings: [] },
    });
  });

  test('fails the push with the words of mariadb-dump when its connection ends half way, or a table is closed to it', async () => {
    const before = server.names();
    const failed = async (supplier: Supplier, message: RegExp) => {
      const { result } = await supplier.push();
      expect(result.error).toMatchObject({
        code: 'source-failed',
        exit: 3,
        published: 'no',
        message: expect.stringMatching(message),
      });
      expect(server.names()).toEqual(before);
    };
    const client = `${programs!.mariadb} --no-defaults --socket=${maria.socket} --user=root`;
    const program = standIn(
      'mariadb-dump',
      `case $1 in --version) exec ${programs!['mariadb-dump']} "$@" ;; esac
       exec bash -o pipefail -c '${programs!['mariadb-dump']} --net-buffer-length=16K "$@" | { head -c 300000
         ${client} -BNe "select concat(\\"kill \\", id, \\";\\") from information_schema.processlist where info like \\"%SQL_NO_CACHE%\\" and id <> connection_id()" | ${client}; cat; }' bash "$@"`,
    );
    symlinkSync(programs!.mariadb, join(dirname(program), 'mariadb'));
    await failed(await supplierWith({ program }), /Lost connection|gone away|Error 2013|killed/i);

    await maria.sql(
      'mysql',
      `create database closed; create table closed.a (a int); create view closed.v as select * from closed.a;
      create user half@localhost; grant select, event, trigger on closed.* to half@localhost`,
    );
    await failed(await supplierWith({ database: 'closed', username: 'half' }), /SHOW VIEW command denied/);
    // Without its last line a dump is not whole, whatever the exit status says.
    const cut = standIn(
      'mariadb-dump',
      `case $1 in --version) ;; *) ${programs!['mariadb-dump']} "$@" | head -c 400000; exit 0 ;; esac; exec ${programs!['mariadb-dump']} "$@"`,
    );
    symlinkSync(programs!.mariadb, join(dirname(cut), 'mariadb'));
    await failed(await supplierWith({ program: cut }), /does not end with '-- Dump completed'/);
  });

  test('is dumped whole by the account that docs/operations.md describes', async () => {
    const own = { 'VIA unix_socket': "BY 'x'", 'crm.*': `${quoted(odd.replace(/[%_]/g, '\\$&'))}.*` };
    await maria.sql('mysql', documentedAccount('MariaDB', own));
    const of = async (username: string, password: Secret | null): Promise<string> => {
      const target = {
        kind: 'mariadb' as const,
        database: odd,
        host: maria.socket,
        username,
        password: {},
        options: [],
      };
      const seen = await databases.mariadb.look(target, around({ password }));
      expect(seen).toMatchObject({ warnings: [] });
      return dumped(databases.mariadb.pack(target, around({ password }), seen!.known));
    };
    const whole = await of('root', null);
    for (const part of [/trigger audit/, /PROCEDURE `add_one`/, /FUNCTION `answer`/, /EVENT `tidy`/])
      expect(part.test(whole), String(part)).toBe(true);
    expect((await of('depot', new Secret('x'))) === whole).toBe(true);
  });

  test('has any name, and none of them is taken for an option', async () => {
    for (const name of ['--help', '-rf', 'x\ny', 'a=b?%', `it's"x`]) {
      await maria.sql('mysql', `create database ${quoted(name)}; create table ${quoted(name)}.here (a int)`);
      const target = { kind: 'mariadb' as const, database: name, ...login, password: {}, options: [] };
      const seen = await databases.mariadb.look(target, around());
      expect(seen, name).toMatchObject({ tables: 1 });
      const packed = databases.mariadb.pack(target, around(), seen!.known);
      expect(await dumped(packed)).toContain('CREATE TABLE `here`');
    }
    const { names } = (await listDatabases({ kind: 'mariadb', ...login, password: {}, options: [] }, around())) as {
      names: string[];
    };
    expect(names).toEqual(expect.arrayContaining(['--help', '-rf', 'a=b?%']));
    expect(names).not.toContain('mysql');
    expect(
      await tryDatabase({ kind: 'mariadb', database: 'x', host: '-x', password: {}, options: [] }, around()),
    ).toMatchObject({ wrong: expect.stringMatching(/Unknown (?:MySQL |MariaDB )?server host '-x'/i) });
  });
});
