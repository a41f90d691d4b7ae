import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** An sshd of the benchmark's own on loopback, and relays before it that make the link longer. */
export interface Server {
  port: number;
  username: string;
  directory: string;
  /** Of the host key, `SHA256:…`. */
  fingerprint: string;
  identity: string;
  knownHosts: string;
  /** sshd and the relays. */
  processes(): number[];
  /** Bytes that went through the relays so far, to the server and back. */
  relayed(): Promise<[sent: number, received: number]>;
  /** A port behind which the link has this round trip and bandwidth (0: unlimited). */
  through(roundTripMs: number, megabits: number): Promise<number>;
  stop(): void;
}

const started: ChildProcess[] = [];
const relays: ChildProcess[] = [];

export async function startServer(work: string): Promise<Server> {
  const at = (name: string): string => join(work, 'server', name);
  // What an earlier run in the same directory left.
  rmSync(join(work, 'server'), { recursive: true, force: true });
  mkdirSync(at('incoming'), { recursive: true });
  chmodSync(join(work, 'server'), 0o755);
  for (const name of ['host', 'client']) run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
  copyFileSync(at('client.pub'), at('authorized_keys'));
  const port = await freePort();
  writeFileSync(
    at('config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'UseDNS no',
      'MaxStartups 100',
      `HostKey ${at('host')}`,
      `AuthorizedKeysFile ${at('authorized_keys')}`,
      'PermitRootLogin yes',
      'Subsystem sftp internal-sftp',
      '',
    ].join('\n'),
  );
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  started.push(sshd);
  await said(sshd.stderr, /Server listening/);
  const fingerprint = /SHA256:\S+/.exec(run('ssh-keygen', ['-l', '-f', at('host')]))![0];
  const hostKey = run('cat', [at('host.pub')])
    .split(' ')
    .slice(0, 2)
    .join(' ');
  // Go's parser, which rclone uses, takes `*` for port 22 only.
  const known = (port: number): void => appendFileSync(at('known_hosts'), `[127.0.0.1]:${port} ${hostKey}\n`);
  known(port);
  return {
    port,
    fingerprint,
    username: userInfo().username,
    directory: at('incoming'),
    identity: at('client'),
    knownHosts: at('known_hosts'),
    processes: () => started.map(({ pid }) => pid!),
    async through(roundTripMs, megabits) {
      if (roundTripMs === 0 && megabits === 0) return port;
      const proxy = spawn(
        process.execPath,
        [
          '--import',
          'tsx',
          new URL('proxy.ts', import.meta.url).pathname,
          String(port),
          String(roundTripMs),
          String(megabits),
        ],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      started.push(proxy);
      relays.push(proxy);
      const relayed = Number(await answerOf(proxy));
      known(relayed);
      return relayed;
    },
    async relayed() {
      const counts = await Promise.all(relays.map(countsOf));
      const sum = (i: 0 | 1): number => counts.reduce((all, count) => all + count[i], 0);
      return [sum(0), sum(1)];
    },
    stop() {
      for (const child of started.splice(0)) child.kill();
    },
  };
}

/** A relay answers each line with what it let through. */
async function countsOf(relay: ChildProcess): Promise<[number, number]> {
  const answer = answerOf(relay);
  relay.stdin!.write('\n');
  const [sent, received] = (await answer).split(' ').map(Number);
  return [sent, received];
}

function answerOf(relay: ChildProcess): Promise<string> {
  return new Promise((resolve) => relay.stdout!.once('data', (bytes: Buffer) => resolve(String(bytes))));
}

export function run(program: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (error || status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

async function said(stream: NodeJS.ReadableStream, wanted: RegExp): Promise<string> {
  let text = '';
  for await (const bytes of stream) {
    text += String(bytes);
    const match = wanted.exec(text);
    if (match) {
      stream.resume();
      return match[0];
    }
  }
  throw new Error(`it ended without ${wanted.source}: ${text}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
