/** The servers of other people that the tests start, and how. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanup, tempDir } from '../support/cleanup.js';
import { checkout } from '../support/cli.js';
import { peer, type PeerName } from '../support/peers.js';
import { freePort } from '../support/ports.js';
import { eventually, mustRun, run } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import type { Server } from '../support/supplier.js';

/** A server that runs, with one directory for each of `directories`. */
export interface Running extends Omit<Server, 'remoteDirectory'> {
  /** A directory as a client names it, and as the tests see it. */
  remote(directory: string): string;
  local(directory: string): string;
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface Program {
  /** Also of the file and in the documents. */
  name: string;
  needs: PeerName[];
  needsRoot?: boolean;
  /** What it calls itself. */
  version(): Promise<string>;
  start(directories: readonly string[]): Promise<Running>;
}

const uid = 54_321;
const username = 'acme';
const password = 'correct horse';

interface Place {
  directory: string;
  root: string;
  hostKey: string;
  authorized: string;
  clientKey: string;
  fingerprint: string;
}

/** Keys, and a root with the directories that everybody may write to. */
async function prepare(directories: readonly string[]): Promise<Place> {
  const directory = tempDir('depot-server');
  chmodSync(directory, 0o755);
  const root = join(directory, 'root');
  mkdirSync(root);
  for (const name of directories) makeDirectory(join(root, name));
  const [hostKey, clientKey] = [join(directory, 'host'), join(directory, 'client')];
  for (const file of [hostKey, clientKey])
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'depot test', '-f', file]);
  const fingerprint = /SHA256:\S+/.exec((await mustRun('ssh-keygen', ['-l', '-f', hostKey])).stdout)![0];
  return { directory, root, hostKey, authorized: `${clientKey}.pub`, clientKey, fingerprint };
}

function makeDirectory(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o777);
  if (process.getuid?.() === 0) chownSync(path, uid, uid);
}

/** Starts the program; it is killed when the test file ends. */
async function serve(
  place: Place,
  command: (port: number) => string[],
  chroot = true,
  settings: { listens?: RegExp; env?: NodeJS.ProcessEnv } = {},
): Promise<Running> {
  const port = await freePort();
  const log = join(place.directory, 'log');
  writeFileSync(log, '');
  let child: ChildProcess | undefined;
  const server: Running = {
    host: '127.0.0.1',
    port,
    username,
    password,
    privateKeyFile: place.clientKey,
    fingerprints: [place.fingerprint],
    log: () => readFileSync(log, 'utf8'),
    remote: (directory) => (chroot ? `/${directory}` : join(place.root, directory)),
    local: (directory) => join(place.root, directory),
    async start() {
      const [program, ...args] = command(port) as [string, ...string[]];
      const before = server.log!().length;
      // A group of its own: some servers have a process for each session.
      child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...settings });
      const started = child;
      for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (b: Buffer) => appendFileSync(log, b));
      child.on('error', (error) => appendFileSync(log, String(error)));
      await eventually(
        () => {
          if (started.exitCode !== null) throw new Error(`${program} did not start:\n${server.log!()}`);
          return (settings.listens ?? /listening/).test(server.log!().slice(before));
        },
        60_000,
        `${program} listening`,
      );
    },
    async kill() {
      const running = child;
      child = undefined;
      if (running?.pid === undefined || running.exitCode !== null || running.signalCode !== null) return;
      const ended = once(running, 'exit');
      process.kill(-running.pid, 'SIGKILL');
      await ended;
    },
  };
  cleanup(() => server.kill());
  const lost = (): void => {
    if (child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  process.once('exit', lost);
  cleanup(() => process.off('exit', lost));
  await server.start();
  return server;
}

const here = (file: string): string => join(checkout, 'tests/servers/peers', file);

function python(name: string, module: string, file: string, mode?: string): Program {
  return {
    name,
    needs: ['python3', 'ssh-keygen'],
    version: async () =>
      (
        await mustRun(peer('python3')!, [
          '-c',
          `import importlib.metadata as m; print('${module}', m.version('${module}'))`,
        ])
      ).stdout.trim(),
    async start(directories) {
      const place = await prepare(directories);
      return serve(place, (port) => [
        peer('python3')!,
        here(file),
        String(port),
        place.root,
        place.hostKey,
        place.authorized,
        username,
        password,
        ...(mode === undefined ? [] : [mode]),
      ]);
    },
  };
}

function rclone(name: string, cache: 'off' | 'writes'): Program {
  return {
    name,
    needs: ['rclone', 'ssh-keygen'],
    version: async () => (await mustRun(peer('rclone')!, ['version'])).stdout.split('\n')[0],
    async start(directories) {
      const place = await prepare(directories);
      return serve(
        place,
        (port) => [
          peer('rclone')!,
          'serve',
          'sftp',
          place.root,
          ...['--addr', `127.0.0.1:${port}`, '--key', place.hostKey, '--config', '/dev/null', '--log-level', 'INFO'],
          ...['--user', username, '--pass', password, '--authorized-keys', place.authorized],
          ...['--vfs-cache-mode', cache, '--vfs-write-back', '500ms', '--cache-dir', join(place.directory, 'cache')],
        ],
        true,
        { listens: /listening on/i },
      );
    },
  };
}

export const programs: Record<string, Program> = {
  openssh: {
    name: 'OpenSSH',
    needs: ['sshd', 'ssh-keygen'],
    needsRoot: true,
    version: async () => /OpenSSH_[\w.]+/.exec((await run(peer('sshd')!, ['-V'])).stderr)![0],
    async start(directories) {
      const sshd = await startSshd({ login: 'password' });
      for (const name of directories) makeDirectory(join(sshd.incoming, name));
      return {
        ...sshd,
        remote: (directory) => `${sshd.remoteDirectory}/${directory}`,
        local: (directory) => join(sshd.incoming, directory),
      };
    },
  },
  proftpd: {
    name: 'ProFTPD with mod_sftp',
    needs: ['proftpd', 'ssh-keygen', 'perl'],
    needsRoot: true,
    version: async () => (await mustRun(peer('proftpd')!, ['--version'])).stdout.trim(),
    async start(directories) {
      const place = await prepare(directories);
      const file = (name: string, content: string): string => {
        writeFileSync(join(place.directory, name), content, { mode: 0o600 });
        return join(place.directory, name);
      };
      const hash = (await mustRun(peer('perl')!, ['-e', 'print crypt($ARGV[0], q($6$depottest$))', password])).stdout;
      const accounts = file('accounts', `${username}:${hash}:${uid}:${uid}::${place.root}:/bin/false\n`);
      const rfc4716 = (await mustRun('ssh-keygen', ['-e', '-f', place.authorized])).stdout;
      return serve(
        place,
        (port) => [
          peer('proftpd')!,
          '--nodaemon',
          '--quiet',
          '--config',
          file(
            'proftpd.conf',
            [
              `ModulePath ${modulesOf('proftpd')}`,
              'LoadModule mod_sftp.c',
              'ServerName depot',
              'ServerType standalone',
              'DefaultServer on',
              'UseIPv6 off',
              'UseReverseDNS off',
              'DefaultAddress 127.0.0.1',
              'SocketBindTight on',
              `Port ${port}`,
              'User nobody',
              'Group nogroup',
              `PidFile ${place.directory}/pid`,
              `ScoreboardFile ${place.directory}/scoreboard`,
              `DelayTable none`,
              `SystemLog ${place.directory}/log`,
              'WtmpLog off',
              'RequireValidShell off',
              'AuthOrder mod_auth_file.c',
              `AuthUserFile ${accounts}`,
              `DefaultRoot ${place.root}`,
              'AllowOverwrite on',
              'SFTPEngine on',
              `SFTPLog ${place.directory}/sftp.log`,
              `SFTPHostKey ${place.hostKey}`,
              `SFTPAuthorizedUserKeys file:${file('authorized', rfc4716)}`,
              'SFTPAuthMethods publickey password',
              '',
            ].join('\n'),
          ),
        ],
        true,
        { listens: /standalone mode STARTUP|listening/i },
      );
    },
  },
  asyncssh: python('AsyncSSH', 'asyncssh', 'asyncssh_server.py'),
  paramiko: python('Paramiko', 'paramiko', 'paramiko_server.py'),
  'sftpgo-standard': python('SFTPGo, upload_mode 0', 'asyncssh', 'asyncssh_server.py', 'standard'),
  'sftpgo-atomic': python('SFTPGo, upload_mode 1', 'asyncssh', 'asyncssh_server.py', 'atomic'),
  'sftpgo-resume': python('SFTPGo, upload_mode 2', 'asyncssh', 'asyncssh_server.py', 'atomic-resume'),
  gosftp: {
    name: 'Go pkg/sftp',
    needs: ['gosftp', 'ssh-keygen'],
    version: () =>
      Promise.resolve(/github\.com\/(pkg\/sftp v\S+)/.exec(readFileSync(here('gosftp/go.mod'), 'utf8'))![1]),
    async start(directories) {
      const place = await prepare(directories);
      return serve(
        place,
        (port) => [
          peer('gosftp')!,
          `127.0.0.1:${port}`,
          place.root,
          place.hostKey,
          place.authorized,
          username,
          password,
        ],
        false,
      );
    },
  },
  'rclone-off': rclone('rclone serve sftp, without cache', 'off'),
  'rclone-writes': rclone('rclone serve sftp, --vfs-cache-mode writes', 'writes'),
};

/** Where Debian has a server's modules: beside the libraries, for all architectures. */
function modulesOf(name: string): string {
  for (const directory of ['/usr/lib', '/usr/libexec', '/usr/lib64']) {
    try {
      if (readdirSync(join(directory, name)).includes('mod_sftp.so')) return join(directory, name);
    } catch {
      continue;
    }
  }
  throw new Error(`mod_sftp.so is not installed: on Debian it is in proftpd-mod-crypto`);
}
