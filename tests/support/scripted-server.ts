/**
 * An SFTP server (version 3) on loopback whose every answer a test can script: for the faults that a real
 * server does not produce on request. Files live in memory; what was written is kept, decoded, with offsets.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server as TcpServer, type Socket } from 'node:net';
import { once } from 'node:events';
import ssh2, { type AuthContext, type Connection, type ParsedKey, type ServerChannel, type Session } from 'ssh2';
import { cleanup } from './cleanup.js';
import { freePort } from './ports.js';
import { beginSessions, nameAllNow, SftpSession } from './scripted-session.js';

export { status } from './sftp-packets.js';

export type RequestType =
  | 'open'
  | 'close'
  | 'read'
  | 'write'
  | 'lstat'
  | 'fstat'
  | 'setstat'
  | 'fsetstat'
  | 'opendir'
  | 'readdir'
  | 'remove'
  | 'mkdir'
  | 'rmdir'
  | 'realpath'
  | 'stat'
  | 'rename'
  | 'readlink'
  | 'symlink'
  | 'limits'
  | 'fsync'
  | 'statvfs'
  | 'posix-rename'
  | 'unknown';

export interface Request {
  id: number;
  type: RequestType;
  /** How many requests of this type there have been, this one included. */
  nth: number;
  /** Connection and channel on which it came, counted from 1. */
  connection: number;
  channel: number;
  path: string;
  /** The second path of a rename. */
  target: string;
  /** Of the requests that have one. */
  handle: string;
  flags: number;
  offset: number;
  data: Buffer;
}

/** What to do with a request; what is left out is as a good server would do it. */
export interface Action {
  /** False: nothing happens to the files. Default true, but false when `status` is given. */
  do?: boolean;
  /** Answer with this status, whatever happened. */
  status?: number;
  /** `never`: no answer; `wrong-id`: under the id of another request; a Buffer: these raw bytes. */
  answer?: 'never' | 'wrong-id' | Buffer;
  /** The answer waits for this. */
  wait?: Promise<unknown>;
  /** After doing and before answering. */
  then?: 'drop' | 'close-channel';
}

export interface ScriptedOptions {
  /** Default: a free one. */
  port?: number;
  /** Software name in the identification; a name that starts with `OpenSSH` gets what OpenSSH gets. */
  software?: string;
  username?: string;
  password?: string;
  /** Takes this public key (OpenSSH format). */
  publicKey?: string;
  /** Which signatures of RSA keys it takes, and whether it says so (RFC 8308). */
  rsa?: 'SHA-2, unsaid' | 'SHA-1, unsaid' | 'SHA-1';
  /** Keyboard-interactive: all must be answered right. */
  prompts?: { prompt: string; echo: boolean; answer: string }[];
  /** All of these in order, as with OpenSSH's AuthenticationMethods; default: any one that is configured. */
  methods?: ('publickey' | 'password' | 'keyboard-interactive')[];
  hostKeys?: ('ed25519' | 'ecdsa' | 'rsa')[];
  /** `close`: lets in and then ends the connection. `no-sftp`: no such subsystem. */
  afterLogin?: 'close' | 'no-sftp' | { says: string; to: 'out' | 'err'; exit?: number };
  /** The login is not answered before this; `close`: the connection is closed instead. */
  beforeLogin?: (method: string) => Promise<unknown> | 'close' | undefined;
  /** Sent right before each answer to a login. */
  banner?: string;
  /** What is offered, by the names that ssh2 has for it. */
  algorithms?: Record<string, string[]>;
  maxChannels?: number;
  directories?: string[];
  limits?: { packet: number; read: number; write: number; handles: number };
  fsync?: boolean;
  posixRename?: boolean;
  /** What statvfs says is free; not offered when left out. */
  freeBytes?: () => number;
  /** Bytes of all files; a write beyond answers FAILURE. */
  quota?: number;
  /** The agent's mover: takes a file away when one of its handles is closed, or when it is renamed. */
  collect?: 'close' | 'rename';
  renameOverwrites?: boolean;
  /**
   * A file gets its name only when it is closed, and replaces whatever has the name by then; `noticeLost` closes what a
   * lost connection left open. `placeholder`: until then an empty file has the name, and each handle has its own file.
   */
  nameAtClose?: boolean | 'placeholder';
  /** Answers to writes of one turn go out in reverse. */
  reorder?: boolean;
  script?: (request: Request) => Action | undefined;
}

export interface ScriptedServer {
  host: '127.0.0.1';
  port: number;
  username: string;
  password: string;
  fingerprints: string[];
  hostKeyTypes: string[];
  /** Contents by absolute path. */
  files: Map<string, Buffer>;
  /** With `nameAtClose`: files without a name. */
  hidden: Map<string, Buffer>;
  /** Where `collect` puts them. */
  collected: Map<string, Buffer>;
  /** Every request in order. */
  requests: Request[];
  /** Decoded payloads of WRITE requests, with path and offset. */
  payloads: { path: string; offset: number; data: Buffer }[];
  /** How many connections there have been, and how many there are. */
  connections: number;
  open(): number;
  /** Methods tried, in order. */
  logins: string[];
  /** What keys signed with, as far as ssh2 says: `sha256` of an RSA key, nothing for SHA-1. */
  signed: (string | undefined)[];
  script: ScriptedOptions['script'];
  options: ScriptedOptions;
  /** Cuts every connection. */
  drop(): void;
  /** With `nameAtClose`, once no client is connected: gives files that were left open their names, and returns how many. */
  noticeLost(): number;
  /** The SFTP channels that were opened, in order; `ssh2`'s own objects. */
  channels: ServerChannel[];
  /** Stops reading from every open connection. */
  stall(): void;
  /** Refuses connections until `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts the server; it ends with the test (or the file). */
export async function startScriptedServer(options: ScriptedOptions = {}): Promise<ScriptedServer> {
  const keys = (options.hostKeys ?? ['ed25519']).map(hostKey);
  const publicKeys = keys.map((pair) => pair.public.split(' '));
  const sockets = new Set<Socket>();
  const server: ScriptedServer = {
    host: '127.0.0.1',
    port: options.port ?? 0,
    username: options.username ?? 'acme',
    password: options.password ?? 'correct horse',
    fingerprints: publicKeys.map(
      ([, blob]) =>
        `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`,
    ),
    hostKeyTypes: publicKeys.map(([type]) => type),
    files: new Map(),
    hidden: new Map(),
    collected: new Map(),
    requests: [],
    payloads: [],
    connections: 0,
    logins: [],
    signed: [],
    script: options.script,
    options,
    channels: [],
    open: () => sockets.size,
    drop: () => sockets.forEach((socket) => socket.destroy()),
    noticeLost: () => nameAllNow(server),
    stall: () => sockets.forEach((socket) => socket.pause()),
    stop,
    start,
  };
  const ssh = new ssh2.Server(
    {
      hostKeys: keys.map((pair) => pair.private),
      ident: options.software ?? 'scripted',
      ...(options.algorithms ? { algorithms: options.algorithms } : {}),
    },
    (connection) => {
      serve(server, connection);
    },
  );
  beginSessions(server);
  let tcp: TcpServer | null = null;

  async function start(): Promise<void> {
    server.port ||= await freePort();
    tcp = createServer((socket) => {
      server.connections++;
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
      ssh.injectSocket(socket);
    });
    tcp.listen(server.port, '127.0.0.1');
    await once(tcp, 'listening');
  }

  async function stop(): Promise<void> {
    const running = tcp;
    tcp = null;
    if (!running) return;
    const closed = once(running, 'close');
    running.close();
    server.drop();
    await closed;
  }

  await start();
  cleanup(stop);
  return server;
}

function hostKey(type: 'ed25519' | 'ecdsa' | 'rsa'): { private: string; public: string } {
  for (;;) {
    const pair =
      type === 'rsa'
        ? ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 })
        : type === 'ecdsa'
          ? ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 })
          : ssh2.utils.generateKeyPairSync('ed25519');
    // ssh2 1.17 cannot read every ed25519 key that it makes.
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

function serve(server: ScriptedServer, connection: Connection): void {
  const { options } = server;
  const number = server.connections;
  const passed: string[] = [];
  let channels = 0;
  if (options.rsa !== undefined) saysOfRsa(connection, options.rsa);
  connection.on('error', () => undefined);
  connection.on('authentication', (context) => {
    const before = options.beforeLogin?.(context.method);
    if (before === 'close') server.drop();
    else void Promise.resolve(before).then(() => authenticate(server, context, passed));
  });
  connection.on('ready', () => {
    if (options.afterLogin === 'close') connection.end();
  });
  connection.on('session', (accept, reject) => {
    if (channels >= (options.maxChannels ?? Infinity)) {
      reject();
      return;
    }
    const channel = ++channels;
    // Without a listener for 'sftp', ssh2 hands over the raw channel: its own SFTP server cannot misbehave.
    const session: Session = accept();
    session.on('subsystem', (acceptSubsystem, rejectSubsystem, info) => {
      if (info.name !== 'sftp' || options.afterLogin === 'no-sftp') rejectSubsystem();
      else if (typeof options.afterLogin === 'object') say(acceptSubsystem(), options.afterLogin);
      else new SftpSession(server, acceptSubsystem(), number, channel);
    });
  });
}

function saysOfRsa(connection: Connection, what: NonNullable<ScriptedOptions['rsa']>): void {
  const { _protocol: protocol } = connection as unknown as { _protocol: { _kex: Kex | undefined; _packetRW: Packets } };
  // ssh2 says something where it was asked to; its list has only this one of SHA-2.
  let kex: Kex | undefined;
  Object.defineProperty(protocol, '_kex', {
    get: () => kex,
    set: (next: Kex | undefined) => {
      kex = next;
      if (next !== undefined && what !== 'SHA-1')
        Object.defineProperty(next, 'remoteExtInfoEnabled', { get: () => false, set: () => undefined });
    },
  });
  let { write } = protocol._packetRW;
  Object.defineProperty(protocol._packetRW, 'write', {
    get: () => write,
    set: (next: Packets['write']) => {
      const finalize = next.finalize.bind(next);
      next.finalize = (packet, ...more) => {
        const at = packet.includes('server-sig-algs') ? packet.indexOf('rsa-sha2-256') : -1;
        if (at >= 0) packet.write('rsa-sha2-???', at);
        return finalize(packet, ...more);
      };
      write = next;
    },
  });
}

type Kex = object;
interface Packets {
  write: { finalize: (packet: Buffer, ...more: unknown[]) => unknown };
}

/** What a shell prints where SFTP should begin. */
function say(channel: ServerChannel, { says, to, exit }: { says: string; to: 'out' | 'err'; exit?: number }): void {
  (to === 'out' ? channel : channel.stderr).write(says);
  if (exit === undefined) return;
  channel.exit(exit);
  channel.end();
}

function authenticate(server: ScriptedServer, context: AuthContext, passed: string[]): void {
  const { options } = server;
  server.logins.push(context.method);
  const configured = options.methods ?? [
    ...(options.publicKey === undefined ? [] : ['publickey']),
    ...(options.prompts ? ['keyboard-interactive'] : []),
    ...(options.password !== undefined || (!options.publicKey && !options.prompts) ? ['password'] : []),
  ];
  const allowed = (options.methods ? [configured[passed.length]] : configured) as never[];
  const refuse = (): void => context.reject(allowed);
  const accept = (): void => {
    passed.push(context.method);
    if (options.methods && passed.length < options.methods.length)
      context.reject([options.methods[passed.length]] as never[], true);
    else context.accept();
  };
  if (context.username !== server.username || !allowed.includes(context.method as never)) {
    refuse();
  } else if (context.method === 'password') {
    if (context.password === server.password) accept();
    else refuse();
  } else if (context.method === 'publickey') {
    const key = ssh2.utils.parseKey(options.publicKey!) as ParsedKey;
    const same = key.getPublicSSH().equals(context.key.data);
    if (context.signature !== undefined) server.signed.push(context.hashAlgo);
    if (!same || (options.rsa?.startsWith('SHA-1') === true && context.hashAlgo !== undefined)) refuse();
    else if (context.signature === undefined) context.accept();
    else if (key.verify(context.blob!, context.signature, context.hashAlgo)) accept();
    else refuse();
  } else if (context.method === 'keyboard-interactive') {
    const prompts = options.prompts!;
    context.prompt(
      prompts.map(({ prompt, echo }) => ({ prompt, echo })),
      (answers) => {
        if (prompts.every(({ answer }, i) => answers[i] === answer)) accept();
        else refuse();
      },
    );
  } else {
    refuse();
  }
}
