/** `postgresql:` as a source, against a real server: dumped, restored as the README says, refused where it has to be. */
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { databases, listDatabases, tryDatabase, type Surroundings } from '../../src/databases/databases.js';
import { run as runChild } from '../../src/child.js';
import { tempDir } from '../support/cleanup.js';
import { peers } from '../support/peers.js';
import { named, type Postgres, startPostgres } from '../support/postgres.js';
import { mustRun } from '../support/process.js';
import { Secret } from '../../src/secret.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { Supplier, type SupplierOptions } from '../support/supplier.js';
import { checkOf, decrypted, documentedAccount, dumped, restoreAsPrinted, standIn } from './databases.js';

const ssh = peers('sshd', 'ssh-keygen');
const pg = peers('initdb', 'pg_ctl', 'psql', 'pg_dump', 'pg_restore');
const odd = `-o'dd "n\\ame" = ?%é`;
const password = `p:a\\s "w'ord" #é`;

/** Everything in a database, each row in words. */
const contents = `
  select format('select %L, count(*), md5(string_agg(t::text, E''\\n'' order by t::text)) from %s t', c.oid::regclass, c.oid::regclass)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'v', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by c.oid::regclass::text`;

describe.skipIf(!ssh || !pg)('a PostgreSQL database as a source', () => {
  let postgres: Postgres;
  let server: Sshd;
  let host: string;
  beforeAll(async () => {
    [postgres, server] = await Promise.all([startPostgres(pg!), startSshd()]);
    host = postgres.env['PGHOST']!;
    const quoted = `"${odd.replaceAll('"', '""')}"`;
    await postgres.psql('postgres', `create role escrow login password '${password.replaceAll("'", "''")}'`);
    await postgres.psql('postgres', `create database ${quoted}`);
    await postgres.psql('postgres', 'create database empty');
    await postgres.psql(
      odd,
      `
      create table customer (id serial primary key, name text not null, payload bytea, since timestamptz default now(),
        initial text generated always as (upper(left(name, 1))) stored);
      insert into customer (name, payload) select 'Klant ' || i || ' – ''naam''', decode(md5(i::text), 'hex') from generate_series(1, 20000) i;
      insert into customer (name, payload) values (E'tab\\tline\\nback\\\\slash', '\\x0000ff00'), ('"', '');
      create schema "o'dd sch.ema"; create table "o'dd sch.ema"."-rf ""quoted"" é" ("sel ect" numeric, "%" jsonb, a int[]);
      insert into "o'dd sch.ema"."-rf ""quoted"" é" values (0.1, '{"a": "\\u00e9"}', '{1,null}'), ('NaN', null, '{}');
      create view names as select name from customer where id % 2 = 0;
      create materialized view counted as select count(*) from customer;
      create function audit() returns trigger language plpgsql as $$ begin new.name := new.name || '!'; return new; end $$;
      create trigger shout before insert on customer for each row execute function audit();
      create policy own on customer using (true);
      select lo_from_bytea(4711, decode(repeat('00ff10', 50000), 'hex')); select lo_from_bytea(4712, '\\x');`,
    );
    await postgres.psql(
      odd,
      'grant connect on database "empty" to escrow; grant select on customer, customer_id_seq to escrow',
    );
  });

  const supplierWith = (
    settings: Record<string, unknown>,
    more: Record<string, unknown> = {},
    o: SupplierOptions = {},
  ) =>
    Supplier.create(server, {
      ...o,
      dataset: [{ postgresql: { database: odd, host, username: 'depot', ...settings }, as: 'crm.pgdump', ...more }],
    });
  const around = (o: Partial<Surroundings> = {}): Surroundings => ({
    label: 'source x',
    directory: tempDir(),
    env: process.env,
    password: null,
    timeoutMs: 20_000,
    ...o,
  });
  const all = async (database: string): Promise<string[]> => {
    const questions = (await postgres.psql(database, contents)).split('\n');
    const answers = await postgres.psql(database, questions.join(';\n'));
    const objects = await postgres.psql(
      database,
      `select oid, md5(lo_get(oid)) from pg_largeobject_metadata order by 1`,
    );
    const schema = await mustRun(
      pg!.pg_dump,
      ['--schema-only', '--no-owner', '--no-privileges', '-d', named(database)],
      {
        env: postgres.env,
      },
    );
    const [, definition = ''] = schema.stdout.split('SET row_security = off;');
    return [...answers.split('\n'), objects, definition.replace(/^\\(?:un)?restrict .*$/gm, '')];
  };

  test('is dumped into a suitcase and restored by the lines of its README, with everything that is in it', async () => {
    const supplier = await supplierWith({});
    const out = await decrypted(supplier, server, await supplier.deposit());
    const typed = await restoreAsPrinted(out, postgres.env);
    expect(typed).toBe(
      'createdb --template=template0 --encoding=UTF8 crm\npg_restore --no-owner --no-privileges --dbname=crm data/crm.pgdump',
    );
    const [restored, original] = await Promise.all([all('crm'), all(odd)]);
    expect(restored).toEqual(original);
    expect(restored.join()).toContain('customer|20002|');
    expect(restored.join('\n')).toMatch(/4711\|[0-9a-f]{32}\n4712/);
  });

  test('with a few changed rows gives a small increment, which opens to the new database', async () => {
    const supplier = await supplierWith({}, {}, { arrangement: { incremental: { agentKeeps: '90d' } } });
    const full = await supplier.deposit();
    await postgres.psql(odd, `update customer set payload = '\\x01' where id in (7, 15000)`);
    const next = await supplier.deposit();
    expect(next.receipt.suitcase.bytes).toBeLessThan(full.receipt.suitcase.bytes / 10);
    const readme = readFileSync(
      join(await decrypted(supplier, server, next, server.incoming), 'DEPOT/README.md'),
      'utf8',
    );
    expect(readme).toContain('pg_restore --no-owner');
  });

  test('gets its password in a file that nobody else sees, and neither as an argument nor as a variable', async () => {
    const directory = tempDir();
    const seen = join(directory, 'seen');
    const tool = standIn(
      'pg_dump',
      `case $1 in --version) ;; *) { printf '%s\\n' "$@"; env; ls -l /proc/self/fd; stat -L -c '%a %h' /proc/self/fd/3; } > ${seen} ;; esac; exec ${pg!.pg_dump} "$@"`,
    );
    symlinkSync(pg!.psql, join(dirname(tool), 'psql'));
    const supplier = await supplierWith(
      { username: 'escrow', passwordFile: 'secrets/db', program: tool, options: ['--table=customer'] },
      {
        cleanup: ['sh', '-c', `{ env; ls /proc/self/fd; } > ${seen}.cleanup`],
        env: { PGPASSWORD: 'not-this-one' },
      },
    );
    writeFileSync(join(supplier.directory, 'secrets/db'), `${password}\n`, { mode: 0o600 });
    await supplier.deposit();
    const child = readFileSync(seen, 'utf8');
    expect(child).toContain('PGPASSFILE=/proc/self/fd/3');
    expect(child).toMatch(/^600 0$/m);
    expect(child).not.toContain('p:a');
    const after = readFileSync(`${seen}.cleanup`, 'utf8');
    expect(after).not.toMatch(/PGPASSFILE|p:a/);
    for (const place of ['/dev/shm', '/tmp'])
      expect(readdirSync(place).filter((name) => name.startsWith('.depot-'))).toEqual([]);
  });

  test('takes a password from a command, and one that the environment has, as before', async () => {
    const answer = await tryDatabase(
      {
        kind: 'postgresql',
        database: odd,
        host,
        username: 'escrow',
        password: {},
        options: [],
        env: { PGPASSWORD: password },
      },
      around(),
    );
    expect(answer).toMatchObject({ found: { tables: 3, bytes: expect.any(Number) } });
    const supplier = await supplierWith({
      username: 'escrow',
      passwordCommand: ['printf', '%s\\n', password],
      options: ['--table=customer'],
    });
    await supplier.deposit();
  });

  test('is refused before anything is at the agent: wrong password, no such database, nothing in it, an old client', async () => {
    const before = server.names();
    const supplier = await supplierWith({ username: 'escrow', passwordFile: 'secrets/db' });
    const refused = async (message: RegExp, hint: string, code = 'source-failed') => {
      const { result, code: exit } = await supplier.push([], { env: { LC_ALL: 'de_DE.UTF-8', LANGUAGE: 'de' } });
      expect(result.error).toMatchObject({ code, exit: 3, published: 'no', hint: expect.stringContaining(hint) });
      expect(result.error!.message).toMatch(message);
      expect(exit).toBe(3);
      expect(await checkOf(supplier, 'source crm.pgdump')).toMatchObject({
        result: 'failed',
        detail: expect.stringMatching(message),
      });
    };
    const { error } = (await supplier.push()).result;
    expect(error).toMatchObject({
      code: 'secret-missing',
      hint: expect.stringMatching(/^write the password of database .* to it \(mode 600, owner \S+\)$/),
    });
    writeFileSync(join(supplier.directory, 'secrets/db'), `wrong\n`, { mode: 0o600 });
    await refused(
      new RegExp(
        `^(?:source crm.pgdump: )?PostgreSQL at ${host}\\S* refused the password of escrow \\(from ${supplier.directory}/secrets/db\\)[^]*password authentication failed for user "escrow"(?![^]*/proc/)`,
      ),
      `correct the password in ${supplier.directory}/secrets/db`,
    );
    const from = (settings: Record<string, unknown>) =>
      supplier.writeConfig({
        dataset: [{ postgresql: { host, username: 'depot', database: 'x', ...settings }, as: 'crm.pgdump' }],
      });
    from({ database: 'no=such' });
    await refused(/PostgreSQL at .* has no database no=such[^]*database "no=such" does not exist/, 'check database:');
    from({ username: 'nobody_here', passwordCommand: ['echo', 'x'] });
    await refused(/refused the password of nobody_here \(from passwordCommand\)/, 'check what passwordCommand');
    from({ host: '127.0.0.1', port: 1 });
    await refused(
      /PostgreSQL at 127\.0\.0\.1:1 is not running or cannot be reached: it refused the connection[^]*Connection refused/,
      'start it, or ask',
    );
    from({ host: join(host, 'gone') });
    await refused(/PostgreSQL at .*gone is not running or cannot be reached: its socket is not there/, 'start it');
    supplier.writeConfig({
      dataset: [{ postgresql: { database: 'empty', host, username: 'depot' }, as: 'crm.pgdump' }],
    });
    await refused(/this account sees no tables/, 'check the name', 'source-empty');
    const program = standIn('pg_dump', `echo 'pg_dump (PostgreSQL) 9.6.24'`);
    symlinkSync(pg!.psql, join(dirname(program), 'psql'));
    supplier.writeConfig({
      dataset: [{ postgresql: { database: odd, host, username: 'depot', program }, as: 'crm.pgdump' }],
    });
    await refused(
      /is version 9\.6\.24, and the server is PostgreSQL \d+/,
      'install the client',
      'source-client-too-old',
    );
    expect(server.names()).toEqual(before);
  });

  test('fails the push with the words of pg_dump when it ends half way, has no right to a table, or waits too long for one', async () => {
    const before = server.names();
    const failed = async (supplier: Supplier, message: RegExp) => {
      const { result } = await supplier.push();
      expect(result.error).toMatchObject({ code: 'source-failed', exit: 3, published: 'no' });
      expect(result.error!.message).toMatch(message);
      expect(server.names()).toEqual(before);
    };
    const end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_dump'";
    const program = standIn(
      'pg_dump',
      `case $1 in --version) exec ${pg!.pg_dump} "$@" ;; esac
       exec bash -o pipefail -c '${pg!.pg_dump} "$@" | { head -c 500000; ${pg!.psql} -h ${host} -U depot -X -q -d postgres -c "${end.replaceAll("'", `'"'"'`)}" > /dev/null; cat; }' bash "$@"`,
    );
    symlinkSync(pg!.psql, join(dirname(program), 'psql'));
    await failed(
      await supplierWith({ program }),
      /terminating connection due to administrator command|server closed the connection/,
    );

    const supplier = await supplierWith({ username: 'escrow', passwordFile: 'secrets/db' });
    writeFileSync(join(supplier.directory, 'secrets/db'), `${password}\n`, { mode: 0o600 });
    await failed(supplier, /permission denied/);

    const locked = runChild(
      [pg!.psql, '-X', '-d', named(odd), '-c', 'begin; lock table customer; select pg_sleep(60)'],
      { code: 'internal', env: { ...process.env, ...postgres.env }, graceMs: 0 },
    ).catch(() => undefined);
    for (;;) {
      const held = await postgres.psql(
        odd,
        "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 'customer'::regclass",
      );
      if (held === '1') break;
    }
    await failed(await supplierWith({ options: ['--lock-wait-timeout=200'] }), /statement timeout/);
    await postgres.psql(
      'postgres',
      "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()",
    );
    await locked;
  });

  test('cut off by a program that then says all went well is no deposit', async () => {
    const before = server.names();
    const cut = standIn(
      'pg_dump',
      `case $1 in --version) ;; *) ${pg!.pg_dump} "$@" | head -c 90000; exit 0 ;; esac; exec ${pg!.pg_dump} "$@"`,
    );
    symlinkSync(pg!.psql, join(dirname(cut), 'psql'));
    const { result } = await (await supplierWith({ program: cut })).push();
    expect(result.error).toMatchObject({
      code: 'source-failed',
      exit: 3,
      published: 'no',
      message: expect.stringMatching(/ends within a block of data, so it is not whole/),
    });
    expect(server.names()).toEqual(before);
  });

  test('whose owner has functions and operators that stand before those of the server has none of them called', async () => {
    await postgres.psql('postgres', `create role owner login password 'x'; create database trap owner owner`);
    await postgres.psql(
      'trap',
      `set role owner; create table called (by text); grant all on called to public; grant all on schema public to public;
       create function public.concat_ws(text, text, text, bigint, text, bigint) returns text language plpgsql as
         $$ begin insert into public.called values (current_user); return ''; end $$;
       create function public.ne(name, text) returns boolean language plpgsql as
         $$ begin insert into public.called values (current_user); return true; end $$;
       create operator public.<> (leftarg = name, rightarg = text, function = public.ne);
       reset role; alter database trap set search_path = public, pg_catalog`,
    );
    const target = {
      kind: 'postgresql' as const,
      database: 'trap',
      host,
      username: 'depot',
      password: {},
      options: [],
    };
    expect(await databases.postgresql.look(target, around())).toMatchObject({
      server: expect.stringMatching(/^PostgreSQL 1\d/),
      tables: 1,
    });
    expect(await postgres.psql('trap', 'select count(*) from public.called')).toBe('0');
  });

  test('has any name, and none of them is taken for an option or a connection string', async () => {
    for (const name of ['--help', "-rf\n'\\%$(id)", 'host=elsewhere', 'postgresql://elsewhere/x']) {
      await postgres.psql('postgres', `create database "${name}"`);
      await postgres.psql(name, 'create table here (a int)');
      const target = {
        kind: 'postgresql' as const,
        database: name,
        host,
        username: 'depot',
        password: {},
        options: [],
      };
      const seen = await databases.postgresql.look(target, around());
      expect(seen, name).toMatchObject({ tables: 1 });
      const packed = databases.postgresql.pack(target, around(), seen!.known);
      expect(await dumped(packed)).toContain('here');
    }
    const login = { kind: 'postgresql' as const, host, username: 'depot', password: {}, options: [] };
    expect(await listDatabases(login, around())).toMatchObject({
      names: expect.arrayContaining(['--help', 'host=elsewhere']),
    });
    const { PATH } = process.env;
    expect(
      await tryDatabase({ ...login, host: '-x', database: 'x' }, around({ env: { PATH }, password: new Secret('x') })),
    ).toMatchObject({ wrong: expect.stringContaining('could not translate host name "-x"') });
  });

  test('can be dumped by the account that docs/operations.md describes', async () => {
    await postgres.psql('postgres', documentedAccount('PostgreSQL', { depot: 'reader' }));
    await postgres.psql('postgres', `alter role reader password 'x'`);
    await postgres.psql(odd, 'grant select on large object 4711, 4712 to reader');
    const password = new Secret('x');
    const target = { kind: 'postgresql' as const, database: odd, host, username: 'reader', password: {}, options: [] };
    const seen = await databases.postgresql.look(target, around({ password }));
    expect(await dumped(databases.postgresql.pack(target, around({ password }), seen!.known))).toContain('Klant 20000');
  });

  test('is looked at by doctor, with version, size and what would dump it', async () => {
    const supplier = await supplierWith({});
    const { stdout } = await supplier.depot(['doctor']);
    expect(stdout).toMatch(
      /source crm\.pgdump +PostgreSQL 1\d\.\S+ with 3 tables; pg_dump 1\d\.\S+; \d+(?:\.\d+)? MiB in the database/,
    );
  });
});
