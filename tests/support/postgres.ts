/** A real PostgreSQL for tests. */
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cleanup, tempDir } from './cleanup.js';
import { asRoot } from './peers.js';
import { mustRun, run } from './process.js';

type PostgresPrograms = Record<'initdb' | 'pg_ctl' | 'psql', string>;

export interface Postgres {
  psql(database: string, sql: string): Promise<string>;
  env: NodeJS.ProcessEnv;
  /** Ends it at once, as a crash would. */
  stop(): Promise<unknown>;
}

/** A cluster of its own on a socket in a short directory, as an account that is not root: PostgreSQL refuses root. */
export async function startPostgres(pg: PostgresPrograms): Promise<Postgres> {
  const directory = tempDir('pg', '/tmp');
  const data = join(directory, 'data');
  const as: { uid?: number; gid?: number } = asRoot() ? await serverAccount() : {};
  if (as.uid !== undefined && as.gid !== undefined) chownSync(directory, as.uid, as.gid);
  chmodSync(directory, 0o700);
  const env = {
    PATH: `${dirname(pg.pg_ctl)}:${process.env['PATH'] ?? ''}`,
    LC_ALL: 'C.UTF-8',
    HOME: directory,
    PGHOST: directory,
    PGUSER: 'depot',
  };
  const options = { ...as, env, cwd: directory };
  await mustRun(pg.initdb, ['-D', data, '-U', 'depot', '-A', 'trust', '-E', 'UTF8', '--no-sync'], options);
  // Everybody but the superuser needs a password.
  writeFileSync(join(data, 'pg_hba.conf'), 'local all depot trust\nlocal all all scram-sha-256\n');
  // No TCP: a socket in the directory needs no port.
  const stop = () => run(pg.pg_ctl, ['-D', data, '-m', 'immediate', '-w', 'stop'], options);
  cleanup(stop);
  await mustRun(
    pg.pg_ctl,
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
    stop,
    psql: async (database, sql) =>
      (
        await mustRun(pg.psql, ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', named(database)], {
          ...options,
          input: sql,
        })
      ).stdout.trim(),
  };
}

/** The account that a server runs as, which refuses root. */
export async function serverAccount(): Promise<{ uid: number; gid: number }> {
  for (const name of ['postgres', 'nobody']) {
    const found = await run('id', ['-u', name]);
    if (found.code === 0) return { uid: Number(found.stdout), gid: Number((await mustRun('id', ['-g', name])).stdout) };
  }
  throw new Error('no account to run a database as');
}

/** A name that libpq does not take for a connection string. */
export function named(database: string): string {
  return `dbname='${database.replace(/[\\']/g, String.raw`\$&`)}'`;
}
