/** `sqlite:` as a source: dumped while others write, restored as the README says, refused where the file is not whole. */
import { existsSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cleanup, tempDir } from '../support/cleanup.js';
import { peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { Supplier, type SupplierOptions } from '../support/supplier.js';
import { checkOf, decrypted, restoreAsPrinted } from './databases.js';

const ssh = peers('sshd', 'ssh-keygen');
const found = peers('sqlite3');

const schema = `
  pragma page_size = 8192; pragma encoding = 'UTF-16le'; pragma auto_vacuum = 1; pragma application_id = 1234; pragma user_version = 42;
  create table customer (id integer primary key autoincrement, name text not null, payload blob, score real,
    initial text generated always as (upper(substr(name, 1, 1))) stored);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
    insert into customer (name, payload, score) select 'Klant ' || i || ' – ''naam''', randomblob(16), i / 3.0 from n;
  insert into customer (name, payload, score) values ('a' || char(10) || 'b' || char(9) || '\\"', x'00ff00', 1e300), ('', zeroblob(0), null), ('é😀', null, -0.1);
  create table "-rf ""quoted"" é" ("sel ect" blob, primary key ("sel ect")) without rowid; insert into "-rf ""quoted"" é" values (1), ('1'), (x'31');
  create view names as select name from customer where id % 2 = 0;
  create trigger audit after insert on customer begin insert or ignore into "-rf ""quoted"" é" values (new.name); end;
  create index by_name on customer (name); create virtual table search using fts5(body); insert into search values ('find me');`;
const contents = `select id, quote(name), quote(payload), quote(score), initial from customer order by id; select quote("sel ect") from "-rf ""quoted"" é";
  select count(*) from names; select body from search where search match 'find'; select * from sqlite_sequence; pragma user_version; pragma application_id; pragma encoding; pragma page_size; pragma auto_vacuum;
  select type, name, sql from sqlite_master where name not like 'search_%' order by 1, 2;`;

describe.skipIf(!ssh || !found)('a SQLite database as a source', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd();
  });
  const sql = async (file: string, text: string) =>
    (await mustRun(found!.sqlite3, ['-batch', '-bail', '-init', '/dev/null', file], { input: text })).stdout;
  const made = async (text = schema, name = `-o'dd "name" ?%é.db`): Promise<string> => {
    const file = join(tempDir(), name);
    await sql(file, text);
    return file;
  };
  const supplierWith = (file: string, o: SupplierOptions = {}) =>
    Supplier.create(server, { ...o, dataset: [{ sqlite: file }] });

  test('is dumped into a suitcase and restored by the lines of its README, with everything that is in it', async () => {
    const file = await made();
    const supplier = await supplierWith(file);
    const out = await decrypted(supplier, server, await supplier.deposit());
    const typed = await restoreAsPrinted(out, process.env);
    expect(typed).toBe(
      String.raw`sqlite3 -safe -bail -cmd '.dbconfig defensive off' o_dd_name.db < 'data/-o'\''dd "name" ?%é.sql'`,
    );
    const restored = await sql(join(out, 'o_dd_name.db'), contents);
    expect(restored).toBe(await sql(file, contents));
    expect(restored).toContain("X'00FF00'");
  });

  test('in use, with its log beside it and a transaction open, is dumped as it was committed, again and again in small increments', async () => {
    const file = await made(`${schema} pragma journal_mode = wal;`);
    const writer = spawn(found!.sqlite3, ['-batch', '-init', '/dev/null', file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    cleanup(() => writer.kill('SIGKILL'));
    writer.stdin.write(
      `update customer set name = 'committed' where id = 7; begin; update customer set name = 'not committed'; select 'here';\n`,
    );
    await once(writer.stdout, 'data');
    expect(existsSync(`${file}-wal`)).toBe(true);
    const supplier = await supplierWith(file, { arrangement: { incremental: { agentKeeps: '90d' } } });
    const full = await supplier.deposit();
    writer.stdin.end('rollback;\n');
    await once(writer, 'close');
    await sql(file, 'update customer set score = 0 where id in (70, 4000)');
    const next = await supplier.deposit();
    expect(next.receipt.suitcase.bytes).toBeLessThan(full.receipt.suitcase.bytes / 5);
    const out = await decrypted(supplier, server, next, server.incoming);
    await restoreAsPrinted(out, process.env);
    const restored = join(out, 'o_dd_name.db');
    expect(await sql(restored, 'select name from customer where id = 7')).toBe('committed\n');
    expect(await sql(restored, contents)).toBe(await sql(file, contents));
  });

  test('is refused, and nothing is made or published, when it is not there, damaged, no database, empty, or has text that a dump cuts off', async () => {
    const nothing = join(tempDir(), 'none.db');
    const supplier = await supplierWith(nothing);
    const before = server.names();
    const refused = async (file: string, message: RegExp, code = 'source-failed', early = true) => {
      supplier.writeConfig({ dataset: [{ sqlite: { database: file }, as: 'crm.sql' }] });
      const { result } = await supplier.push();
      expect(result.error).toMatchObject({ code, exit: 3, published: 'no', message: expect.stringMatching(message) });
      if (early)
        expect(await checkOf(supplier, 'source crm.sql')).toMatchObject({
          result: 'failed',
          detail: expect.stringMatching(message),
        });
      expect(server.names()).toEqual(before);
    };
    await refused(nothing, /no database at .*none\.db/);
    expect(existsSync(nothing)).toBe(false);
    await refused(tempDir(), /is not a file/);
    const text = join(tempDir(), 'text.db');
    writeFileSync(text, 'this is no database, and more than 16 bytes long');
    await refused(text, /file is not a database/);
    writeFileSync(text, '');
    await refused(text, /this account sees no tables/, 'source-empty');

    const damaged = await made();
    const size = readFileSync(damaged).length;
    const fd = openSync(damaged, 'r+');
    for (let at = Math.ceil(size / 2 / 8192) * 8192; at < size - 8192; at += 8192)
      writeSync(fd, Buffer.alloc(64, 0xff), 0, 64, at);
    await refused(damaged, /the database is damaged|malformed/, 'source-failed', false);
    const short = await made();
    truncateSync(short, 8192 * 3);
    await refused(short, /malformed|damaged/, 'source-failed', false);

    const cut = await made(
      `create table "o'dd" (a text, b); insert into "o'dd" values ('all', 'before' || char(0) || 'after')`,
    );
    await refused(cut, /table o''dd contains text with a NUL/, 'source-failed', false);
  });

  test('decides with none of its names what runs here, and what is in the dump', async () => {
    const mark = join(tempDir(), 'ran');
    const run = `edit('x', 'touch "${mark}" #')`;
    const file = await made(
      `create table t (a text); insert into t values ('kept');
       create table pragma_page_size (page_size); insert into pragma_page_size values ('4096;' || char(10) || '.shell touch "${mark}"');
       create view pragma_page_count (page_count) as select ${run}; create view pragma_user_version (user_version) as select ${run};
       create table pragma_quick_check (quick_check); create table pragma_encoding (encoding);`,
      'crm.db',
    );
    const supplier = await supplierWith(file);
    const out = await decrypted(supplier, server, await supplier.deposit());
    await restoreAsPrinted(out, process.env);
    expect(existsSync(mark)).toBe(false);
    expect(await sql(join(out, 'crm.db'), 'select a from t; pragma page_size')).toBe('kept\n4096\n');
  });

  test('that has commands in its schema cannot have them run where it is restored', async () => {
    const mark = join(tempDir(), 'ran');
    const file = await made(
      `create table t (a text); pragma writable_schema = on;
       update sqlite_master set sql = sql || ';' || char(10) || '.shell touch "${mark}"' || char(10) || '--' where name = 't';`,
      'crm.db',
    );
    const supplier = await supplierWith(file);
    const out = await decrypted(supplier, server, await supplier.deposit());
    await expect(restoreAsPrinted(out, process.env)).rejects.toThrow(/cannot run \.shell in safe mode/);
    expect(existsSync(mark)).toBe(false);
  });

  test('is checked for damage and for cut text, whatever its tables are called', async () => {
    const names = 'create table pragma_quick_check (quick_check); create table pragma_table_xinfo (name, hidden);';
    const pushed = async (file: string) => (await (await supplierWith(file)).push()).result.error;
    const cut = await made(
      `${names} create table t (a); insert into t values ('before' || char(0) || 'after');`,
      'a.db',
    );
    expect(await pushed(cut)).toMatchObject({ message: expect.stringMatching(/table t contains text with a NUL/) });
    const damaged = await made(`${names} create table t (a); insert into t values (1), (null);`, 'b.db');
    await sql(
      damaged,
      `pragma writable_schema = on; update sqlite_master set sql = 'create table t (a not null)' where name = 't'`,
    );
    expect(await pushed(damaged)).toMatchObject({ message: expect.stringMatching(/the database is damaged: NULL/) });
  });

  test('may have many tables, and names with blank lines and carriage returns', async () => {
    const columns = Array.from({ length: 16 }, (_, i) => `a_column_of_this_length_${i} text`).join(', ');
    const tables = Array.from({ length: 1200 }, (_, i) => `create table an_ordinary_table_${i} (${columns});`);
    const file = await made(`begin; ${tables.join('\n')} commit;`, 'crm.db');
    const odd = ['a\n\nb', 'a\n.quit\nb', 'c\r\n\r\nd'];
    for (const name of odd)
      await mustRun(found!.sqlite3, [
        '-batch',
        file,
        `create table "${name}" (a); insert into "${name}" values ('here')`,
      ]);
    const supplier = await supplierWith(file);
    const out = await decrypted(supplier, server, await supplier.deposit());
    await restoreAsPrinted(out, process.env);
    const restored = join(out, 'crm.db');
    expect(await sql(restored, 'select count(*) from sqlite_master')).toBe('1203\n');
    expect(await sql(restored, `select a from "${odd[0]}"; select a from "${odd[1]}"`)).toBe('here\nhere\n');

    await mustRun(found!.sqlite3, ['-batch', file, `insert into "${odd[2]}" values ('x' || char(0))`]);
    const { result } = await supplier.push();
    expect(result.error).toMatchObject({ message: expect.stringMatching(/contains text with a NUL/) });
  });

  test('is looked at by doctor', async () => {
    const supplier = await supplierWith(await made(schema, 'crm.db'));
    expect(await checkOf(supplier, 'source crm.sql')).toMatchObject({
      result: 'passed',
      detail: expect.stringMatching(/^SQLite file with \d+ tables; sqlite3 3\.\S+; 672\.0 KiB in the database$/),
    });
  });
});
