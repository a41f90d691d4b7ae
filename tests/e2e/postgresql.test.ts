/** A real pg_dump of a real PostgreSQL database as a command source, restored from what the beneficiary decrypts. */
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cleanup, tempDir } from '../support/cleanup.js';
import { mustDepot } from '../support/cli.js';
import { asRoot, peers } from '../support/peers.js';
import { mustRun, run } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { freshPath, Supplier } from '../support/supplier.js';

const ssh = peers('sshd', 'ssh-keygen');
const pg = peers('initdb', 'pg_ctl', 'psql', 'pg_dump', 'pg_restore');

/** A cluster of its own on a socket in a short directory, as an account that is not root: PostgreSQL refuses root. */
async function startPostgres(): Promise<{
  psql(database: string, sql: string): Promise<string>;
  env: NodeJS.ProcessEnv;
}> {
  const directory = tempDir('pg', '/tmp');
  const data = join(directory, 'data');
  const as: { uid?: number; gid?: number } = asRoot() ? await account() : {};
  if (as.uid !== undefined && as.gid !== undefined) chownSync(directory, as.uid, as.gid);
  chmodSync(directory, 0o700);
  const env = {
    PATH: `${dirname(pg!.pg_ctl)}:${process.env['PATH'] ?? ''}`,
    LC_ALL: 'C.UTF-8',
    HOME: directory,
    PGHOST: directory,
    PGUSER: 'depot',
  };
  const options = { ...as, env, cwd: directory };
  await mustRun(pg!.initdb, ['-D', data, '-U', 'depot', '-A', 'trust', '-E', 'UTF8', '--no-sync'], options);
  // No TCP: a socket in the directory needs no port.
  const stop = () => run(pg!.pg_ctl, ['-D', data, '-m', 'immediate', '-w', 'stop'], options);
  cleanup(stop);
  await mustRun(
    pg!.pg_ctl,
    [
      '-D',
      data,
      '-w',
      '-t',
      '60',
      '-l',
      join(directory, 'log'),
      '-o',
      `-c listen_addresses='' -c unix_socket_directories='${directory}' -c fsync=off`,
      'start',
    ],
    options,
  );
  return {
    env,
    psql: async (database, sql) =>
      (
        await mustRun(pg!.psql, ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', database], { ...options, input: sql })
      ).stdout.trim(),
  };
}

async function account(): Promise<{ uid: number; gid: number }> {
  for (const name of ['postgres', 'nobody']) {
    const found = await run('id', ['-u', name]);
    if (found.code === 0) return { uid: Number(found.stdout), gid: Number((await mustRun('id', ['-g', name])).stdout) };
  }
  throw new Error('no account to run PostgreSQL as');
}

describe.skipIf(!ssh || !pg)('a PostgreSQL database', () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  beforeAll(async () => {
    postgres = await startPostgres();
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
