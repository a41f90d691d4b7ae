/** A real MariaDB for tests. */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { join } from 'node:path';
import { cleanup, tempDir } from './cleanup.js';
import { asRoot } from './peers.js';
import { serverAccount } from './postgres.js';
import { eventually, mustRun, run } from './process.js';

export interface Mariadb {
  socket: string;
  sql(database: string, sql: string): Promise<string>;
}

/** A server on a socket in a directory of its own, without TCP; its root needs no password. */
export async function startMariadb(
  programs: Record<'mariadb-install-db' | 'mariadbd' | 'mariadb', string>,
): Promise<Mariadb> {
  const directory = tempDir('maria', '/tmp');
  const [data, socket] = [join(directory, 'data'), join(directory, 's')];
  const as: { uid?: number; gid?: number } = asRoot() ? await serverAccount() : {};
  if (as.uid !== undefined && as.gid !== undefined) chownSync(directory, as.uid, as.gid);
  chmodSync(directory, 0o700);
  const options = { ...as, cwd: directory, env: { PATH: process.env['PATH'], HOME: directory, LC_ALL: 'C.UTF-8' } };
  const install = ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'];
  await mustRun(programs['mariadb-install-db'], [...install, '--innodb-log-file-size=8M'], options);
  const server = spawn(
    programs.mariadbd,
    [
      '--no-defaults',
      `--datadir=${data}`,
      `--socket=${socket}`,
      `--pid-file=${join(directory, 'pid')}`,
      '--skip-networking',
      '--innodb-log-file-size=8M',
      '--innodb-flush-log-at-trx-commit=0',
    ],
    { ...options, stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => server.once('exit', resolve));
  cleanup(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  const login = ['--no-defaults', `--socket=${socket}`, '--user=root', '--default-character-set=utf8mb4'];
  await eventually(
    async () => (await run(programs.mariadb, [...login, '--execute=SELECT 1'], options)).code === 0,
    60_000,
    'a server that answers',
  );
  return {
    socket,
    sql: async (database, sql) =>
      (
        await mustRun(programs.mariadb, [...login, '--batch', '--skip-column-names', `--database=${database}`], {
          ...options,
          input: sql,
        })
      ).stdout.trim(),
  };
}
