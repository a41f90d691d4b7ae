import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { cleanup, tempDir } from './cleanup.js';
import { peer } from './peers.js';
import { freePort } from './ports.js';
import { eventually, mustRun, run } from './process.js';

export interface SshdOptions {
  /**
   * `password` and `keyboard-interactive` need root: the server then sees its own passwd and shadow,
   * mounted for it alone, with one user `depositor`; the machine's accounts stay as they are.
   * `key` logs in as that user when root, else as whoever runs the tests.
   */
  login?: 'password' | 'keyboard-interactive' | 'key';
  password?: string;
  /** Which host keys to offer; default ed25519 only, because RSA takes its time. */
  hostKeys?: ('ed25519' | 'ecdsa' | 'rsa')[];
  /** The user sees `/incoming` and nothing else; needs root. */
  chroot?: boolean;
  /** Arguments to internal-sftp, such as `['-P', 'fstat,lstat']` (denied) or `['-p', 'open,write']` (allowed). */
  sftp?: string[];
  /** More lines for sshd_config, put before the others: the first value wins. */
  config?: string[];
  /** Moves away, as the agent does, each file in `incoming` for whose name this says true. */
  mover?: (name: string) => boolean;
  /** `incoming` is a file system of this size of its own (`16m`); needs root. */
  tmpfs?: string;
}

export interface Sshd {
  host: '127.0.0.1';
  port: number;
  username: string;
  password: string;
  /** An OpenSSH private key that logs in, without passphrase. */
  privateKeyFile: string;
  /** `SHA256:…` of each host key, as `ssh-keygen -l` prints it, in the order of `hostKeys`. */
  fingerprints: string[];
  /** The remote directory as a client names it. */
  remoteDirectory: string;
  /** The same directory as the tests see it. */
  incoming: string;
  /** Where the mover puts things. */
  collected: string;
  log(): string;
  /** Names in `incoming`, sorted. */
  names(): string[];
  collectedNames(): string[];
  /** Ends the server and every session of it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** Ends the sessions only: the link drops, the server stays. */
  dropSessions(): Promise<void>;
  /** Stops (SIGSTOP) and continues (SIGCONT) every session: the link stalls without a reset. */
  signalSessions(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

const user = 'depositor';
const uid = 54_321;
/** Inside the server's mount namespace only: sshd wants every directory above a chroot to be root's, and /tmp is not. */
const jailPath = '/mnt';

/** Starts OpenSSH's sshd on a free loopback port; it is stopped when the test (or the file) ends. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const program = peer('sshd') ?? missing();
  const root = process.getuid?.() === 0;
  const login = options.login ?? 'key';
  if (!root && (login !== 'key' || options.chroot || options.tmpfs))
    throw new Error('this server needs root: ask asRoot() first');

  const directory = tempDir('depot-sshd');
  chmodSync(directory, 0o755);
  const password = options.password ?? 'correct horse battery staple';
  const jail = join(directory, 'jail');
  const incoming = join(jail, 'incoming');
  const collected = join(directory, 'collected');
  for (const d of [jail, incoming, collected, join(directory, 'home')]) mkdirSync(d, { mode: 0o755 });
  if (options.tmpfs !== undefined) {
    await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${options.tmpfs},mode=0755`, 'depot-test', incoming]);
    cleanup(() => run('umount', ['-l', incoming]));
  }
  if (root) chownSync(incoming, uid, uid);

  const hostKeys = options.hostKeys ?? ['ed25519'];
  const fingerprints: string[] = [];
  for (const type of hostKeys) {
    const file = join(directory, `host_${type}`);
    await mustRun('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'depot test host', '-f', file]);
    fingerprints.push(/SHA256:\S+/.exec((await mustRun('ssh-keygen', ['-l', '-f', file])).stdout)![0]);
  }
  const privateKeyFile = join(directory, 'client');
  await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'depot test client', '-f', privateKeyFile]);
  writeFileSync(join(directory, 'authorized_keys'), readFileSync(`${privateKeyFile}.pub`), { mode: 0o644 });

  const port = await freePort();
  const configFile = join(directory, 'sshd_config');
  writeFileSync(
    configFile,
    [
      ...(options.config ?? []),
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      'PidFile none',
      'StrictModes no',
      'LogLevel VERBOSE',
      'UseDNS no',
      'MaxStartups 100',
      'LoginGraceTime 30',
      ...hostKeys.map((type) => `HostKey ${join(directory, `host_${type}`)}`),
      `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
      'PubkeyAuthentication yes',
      `PasswordAuthentication ${login === 'password' ? 'yes' : 'no'}`,
      `KbdInteractiveAuthentication ${login === 'keyboard-interactive' ? 'yes' : 'no'}`,
      // PAM is what asks in keyboard-interactive; without it sshd compares with shadow itself.
      `UsePAM ${login === 'keyboard-interactive' ? 'yes' : 'no'}`,
      ...(options.chroot ? [`ChrootDirectory ${jailPath}`] : []),
      `Subsystem sftp internal-sftp ${(options.sftp ?? []).join(' ')}`,
      `ForceCommand internal-sftp ${(options.sftp ?? []).join(' ')}`,
      ...(await penalties(program)),
      '',
    ].join('\n'),
  );

  const accounts = root ? await writeAccounts(directory, password) : undefined;
  const logFile = join(directory, 'log');
  writeFileSync(logFile, '');
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const sshd = [program, '-D', '-e', '-f', configFile];
    const script = [
      'set -e',
      'mkdir -p /run/sshd',
      // Not the three files one by one: whoever adds an account anywhere on the machine renames a new passwd into place,
      // and the kernel then takes away what was mounted on the old one.
      ...(accounts === undefined ? [] : [`mount -t overlay depot-test -o lowerdir=${accounts}:/etc /etc`]),
      ...(options.chroot ? [`mount --rbind ${jail} ${jailPath}`] : []),
      'exec "$@"',
    ].join('\n');
    const [command, ...args] =
      accounts === undefined
        ? sshd
        : ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', ...sshd];
    const before = readFileSync(logFile, 'utf8').length;
    child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const started = child;
    child.stderr!.on('data', (b: Buffer) => appendFileSync(logFile, b));
    child.on('error', (e) => appendFileSync(logFile, String(e)));
    await eventually(
      () => {
        const said = readFileSync(logFile, 'utf8').slice(before);
        if (started.exitCode !== null || started.signalCode !== null) throw new Error(`sshd did not start:\n${said}`);
        return said.includes('Server listening on');
      },
      20_000,
      'sshd listening',
    );
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    child = undefined;
    if (running?.pid === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const closed = new Promise((resolve) => running.once('exit', resolve));
    // Stopped first: a client that reconnects at once would get a session that this does not end.
    running.kill('SIGSTOP');
    // Each session is a process session of its own and would outlive the listener.
    for (const pid of descendants(running.pid).reverse()) signalProcess(pid, signal);
    running.kill(signal);
    await closed;
  }

  const lost = () => {
    if (child?.pid !== undefined)
      for (const pid of [...descendants(child.pid), child.pid]) signalProcess(pid, 'SIGKILL');
  };
  process.once('exit', lost);
  const watcher = options.mover === undefined ? undefined : moveAway(incoming, collected, options.mover);
  const server: Sshd = {
    host: '127.0.0.1',
    port,
    username: root ? user : userInfo().username,
    password,
    privateKeyFile,
    fingerprints,
    incoming,
    collected,
    remoteDirectory: options.chroot ? '/incoming' : incoming,
    log: () => readFileSync(logFile, 'utf8'),
    names: () => readdirSync(incoming).sort(),
    collectedNames: () => readdirSync(collected).sort(),
    kill: () => end('SIGKILL'),
    start,
    async dropSessions() {
      if (child?.pid === undefined) return;
      const sessions = descendants(child.pid);
      for (const pid of sessions.reverse()) signalProcess(pid, 'SIGKILL');
      await eventually(() => sessions.every((pid) => !existsSync(`/proc/${pid}`)), 10_000, 'sessions gone');
    },
    signalSessions(signal) {
      if (child?.pid !== undefined) for (const pid of descendants(child.pid)) signalProcess(pid, signal);
    },
    async stop() {
      watcher?.close();
      await end('SIGKILL');
      process.off('exit', lost);
    },
  };
  cleanup(() => server.stop());
  await start();
  return server;
}

function missing(): never {
  throw new Error("sshd is not installed: ask peer('sshd') first");
}

/** passwd, group and shadow with the machine's own lines and one user more; returns their directory. */
async function writeAccounts(directory: string, password: string): Promise<string> {
  const accounts = join(directory, 'etc');
  mkdirSync(accounts, { mode: 0o755 });
  const hash = (await mustRun('perl', ['-e', 'print crypt($ARGV[0], q($6$depottest$))', password])).stdout;
  for (const [name, line, mode] of [
    ['passwd', `${user}:x:${uid}:${uid}::${join(directory, 'home')}:/usr/sbin/nologin`, 0o644],
    ['group', `${user}:x:${uid}:`, 0o644],
    ['shadow', `${user}:${hash}:19000:0:99999:7:::`, 0o600],
  ] as const) {
    const own = readFileSync(`/etc/${name}`, 'utf8')
      .split('\n')
      .filter((l) => l !== '' && !l.startsWith(`${user}:`));
    writeFileSync(join(accounts, name), [...own, line, ''].join('\n'), { mode });
  }
  return accounts;
}

/** Newer servers lock out an address after failed logins; every test comes from the same one. */
async function penalties(program: string): Promise<string[]> {
  const said = (await run(program, ['-V'])).stderr;
  const [, major, minor] = /OpenSSH_(\d+)\.(\d+)/.exec(said) ?? [];
  return Number(major) * 100 + Number(minor) >= 908 ? ['PerSourcePenalties no'] : [];
}

/** All processes below `pid`, parents first. */
function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      continue; // ended meanwhile
    }
  }
  const all: number[] = [];
  for (const queue = [...(children.get(pid) ?? [])]; queue.length > 0; ) {
    const next = queue.shift()!;
    all.push(next);
    queue.push(...(children.get(next) ?? []));
  }
  return all;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ended by itself
  }
}

function moveAway(incoming: string, collected: string, chosen: (name: string) => boolean): { close(): void } {
  const sweep = () => {
    for (const name of readdirSync(incoming))
      if (chosen(name)) rename(join(incoming, name), join(collected, name)).catch(() => undefined);
  };
  const watcher = watch(incoming, sweep);
  sweep();
  return watcher;
}
