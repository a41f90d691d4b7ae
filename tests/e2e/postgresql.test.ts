/** A real pg_dump of a real PostgreSQL database as a command source, restored from what the beneficiary decrypts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { mustDepot } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { type Postgres, startPostgres } from '../support/postgres.js';
import { mustRun } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { freshPath, Supplier } from '../support/supplier.js';

const ssh = peers('sshd', 'ssh-keygen');
const pg = peers('initdb', 'pg_ctl', 'psql', 'pg_dump', 'pg_restore');

describe.skipIf(!ssh || !pg)('a PostgreSQL database', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres(pg!);
    await postgres.psql('postgres', 'create database crm');
    await postgres.psql(
      'crm',
      `
      create table customer (id serial primary key, name text not null, payload bytea, since timestamptz default now());
      insert into customer (name, payload) select 'Klant ' || i || ' – ''naam''', decode(md5(i::text), 'hex') from generate_series(1, 60000) i;
      create index on customer (name); create view names as select name from customer;`,
    );
  });
  const fingerprint =
    "select count(*), md5(string_agg(id || name || encode(payload, 'hex') || since, ',' order by id)) from customer";

  test('is dumped into a suitcase and restored from it, row for row', async () => {
    const server = await startSshd();
    const { PGHOST, PGUSER } = postgres.env as Record<string, string>;
    const supplier = await Supplier.create(server, {
      dataset: [
        { command: [pg!.pg_dump, '--format=custom', 'crm'], as: 'crm.pgdump', timeout: '5m', env: { PGHOST, PGUSER } },
        { command: [pg!.pg_dump, '--schema-only', 'crm'], as: 'schema.sql', env: { PGHOST, PGUSER } },
      ],
    });
    const deposit = await supplier.deposit();
    const out = freshPath();
    await mustDepot([
      'decrypt',
      join(server.incoming, deposit.suitcase),
      '--key',
      supplier.recipientKey,
      '--receipt',
      deposit.receiptFile,
      '--signer',
      supplier.signerPublic,
      '--out',
      out,
    ]);
    expect(readFileSync(join(out, 'data/schema.sql'), 'utf8')).toContain('CREATE VIEW public.names');
    await postgres.psql('postgres', 'create database restored');
    await mustRun(pg!.pg_restore, ['-d', 'restored', '--exit-on-error'], {
      env: postgres.env,
      input: readFileSync(join(out, 'data/crm.pgdump')),
    });
    const restored = await postgres.psql('restored', fingerprint);
    expect(restored).toMatch(/^60000\|/);
    expect(restored).toBe(await postgres.psql('crm', fingerprint));
  });

  test('is not published if pg_dump fails, because the database does not exist or goes down', async () => {
    const server = await startSshd();
    const { PGHOST, PGUSER } = postgres.env as Record<string, string>;
    const supplier = await Supplier.create(server, {
      dataset: [{ command: [pg!.pg_dump, 'no_such_database'], as: 'crm.sql', env: { PGHOST, PGUSER } }],
    });
    const missing = await supplier.push();
    expect(missing.result.error).toMatchObject({ code: 'source-failed', exit: 3, published: 'no' });
    expect(missing.result.error!.message).toContain('no_such_database');

    // Half a dump, and then the server ends the connection that it comes over.
    const end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_dump'";
    writeFileSync(
      join(supplier.directory, 'dump.sh'),
      `"$1" crm | { head -c 1000000; "$2" -X -q -d postgres -c "${end.replaceAll('"', '\\"')}" > /dev/null; cat; }\n`,
    );
    supplier.writeConfig({
      dataset: [
        {
          command: ['bash', '-o', 'pipefail', 'dump.sh', pg!.pg_dump, pg!.psql],
          as: 'crm.sql',
          env: { PGHOST, PGUSER },
        },
      ],
    });
    const ended = await supplier.push();
    expect(ended.result.error).toMatchObject({ exit: 3, published: 'no' });
    expect(server.names()).toEqual([]);
  });
});
