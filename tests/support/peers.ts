import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Programs of other people that the tests hold depot against. Each test asks for what it needs:
 *
 *     const gpg = peer('gpg');
 *     test.skipIf(gpg === undefined)('opens with GnuPG', …)
 *
 * With DEPOT_TEST_PEERS=required (as in CI) a missing one is an error at collection, so a run
 * that proves nothing cannot pass.
 */
export type PeerName =
  | 'age'
  | 'bash'
  | 'bsdtar'
  | 'busybox'
  | 'cat'
  | 'chromium'
  | 'crontab'
  | 'dash'
  | 'dbus-run-session'
  | 'fish'
  | 'gnome-keyring-daemon'
  | 'gosftp'
  | 'gosop'
  | 'gpg'
  | 'gpgconf'
  | 'gzip'
  | 'initdb'
  | 'mariadb'
  | 'mariadb-dump'
  | 'mariadb-install-db'
  | 'mariadbd'
  | 'mount'
  | 'openssl'
  | 'pg_ctl'
  | 'pg_dump'
  | 'perl'
  | 'pg_restore'
  | 'postgres'
  | 'proftpd'
  | 'promtool'
  | 'psql'
  | 'puttygen'
  | 'python3'
  | 'rclone'
  | 'rsop'
  | 'runuser'
  | 'secret-tool'
  | 'setpriv'
  | 'sftp'
  | 'sha256sum'
  | 'shasum'
  | 'sq'
  | 'sqop'
  | 'sqlite3'
  | 'ssh'
  | 'ssh-add'
  | 'ssh-agent'
  | 'ssh-keygen'
  | 'ssh-keyscan'
  | 'sshd'
  | 'strace'
  | 'systemd-analyze'
  | 'tar'
  | 'tmux'
  | 'unshare'
  | 'wine64'
  | 'zsh'
  | 'zstd';

const required = process.env['DEPOT_TEST_PEERS'] === 'required';

/** The absolute path of the program, or undefined if it is not installed; throws instead if peers are required. */
export function peer(name: PeerName): string | undefined {
  const found = find(name);
  if (found === undefined && required) throw new Error(`DEPOT_TEST_PEERS=required, but ${name} is not installed`);
  return found;
}

/** Like `peer`, for several at once: all of their paths, or undefined when one is missing. */
export function peers<const N extends PeerName>(...names: N[]): Record<N, string> | undefined {
  const found = names.map((name) => [name, peer(name)] as const);
  return found.every(([, path]) => path !== undefined) ? (Object.fromEntries(found) as Record<N, string>) : undefined;
}

/** Whether the tests run as root (mounts, other users); throws when peers are required and they do not. */
export function asRoot(): boolean {
  const root = process.getuid?.() === 0;
  if (!root && required) throw new Error('DEPOT_TEST_PEERS=required, but the tests do not run as root');
  return root;
}

function find(name: string): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  // Daemons are not on an ordinary user's path; Debian keeps Wine's loader and PostgreSQL's server programs off every path.
  for (const directory of [...path, '/usr/sbin', '/sbin', '/usr/local/sbin', '/usr/lib/wine', ...postgresql()]) {
    if (directory === '') continue;
    try {
      accessSync(join(directory, name), constants.X_OK);
      return join(directory, name);
    } catch {
      continue;
    }
  }
  return undefined;
}

function postgresql(): string[] {
  try {
    return readdirSync('/usr/lib/postgresql')
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => `/usr/lib/postgresql/${version}/bin`);
  } catch {
    return [];
  }
}
