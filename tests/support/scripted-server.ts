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
  /** `never`, under the id of another request, or with these raw bytes. */
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
  /** Keyboard-interactive: all must be answered right. */
  prompts?: { prompt: string; echo: boolean; answer: string }[];
  /** All of these in order, as with OpenSSH's AuthenticationMethods; default: any one that is configured. */
  methods?: ('publickey' | 'password' | 'keyboard-interactive')[];
  hostKeys?: ('ed25519' | 'ecdsa' | 'rsa')[];
  /** `close`: lets in and then ends the connection. `no-sftp`: no such subsystem. */
  afterLogin?: 'close' | 'no-sftp' | { says: string; to: 'out' | 'err'; exit?: number };
  /** The login is not answered before this; `close`: the connection is closed instead. */
  beforeLogin?: (method: string) => Promise<unknown> | 'close' | undefined;
  /** Said right before an answer to the login. */
  banner?: string;
  /** ssh2's names of what is offered. */
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
   * A file has its name only from its close on, whatever lies there by then; what a lost connection leaves open is closed by `noticeLost`.
   * `placeholder`: an empty one has the name meanwhile, and each handle has a file of its own.
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
  script: ScriptedOptions['script'];
  options: ScriptedOptions;
  /** Ends every connection without a word. */
  drop(): void;
  /** With `nameAtClose`, when no client is connected any more: what was left open gets its name; how many files that were. */
  noticeLost(): number;
  /** The SFTP channels that were opened, in order; `ssh2`'s own objects. */
  channels: ServerChannel[];
  /** Reads nothing any more on the connections there are. */
  stall(): void;
  /** Refuses connections until `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const OK = 0,
  EOF = 1,
  NO_SUCH_FILE = 2,
  FAILURE = 4,
  OP_UNSUPPORTED = 8;
const types: Record<number, RequestType> = {
  3: 'open',
  4: 'close',
  5: 'read',
  6: 'write',
  7: 'lstat',
  8: 'fstat',
  9: 'setstat',
  10: 'fsetstat',
  11: 'opendir',
  12: 'readdir',
  13: 'remove',
  14: 'mkdir',
  15: 'rmdir',
  16: 'realpath',
  17: 'stat',
  18: 'rename',
  19: 'readlink',
  20: 'symlink',
};

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
    script: options.script,
    options,
    channels: [],
    open: () => sockets.size,
    drop: () => sockets.forEach((socket) => socket.destroy()),
    noticeLost: () => {
      const late = [...unnamed.get(server)!];
      late.forEach((one) => nameNow(server, one));
      return late.length;
    },
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
  counts.set(server, new Map());
  unnamed.set(server, []);
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
    if (!same) refuse();
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

/** How many requests of each type a server has had. */
const counts = new WeakMap<ScriptedServer, Map<RequestType, number>>();

/** With `nameAtClose`: files that have no name yet, under the handle's name in `files`. */
const unnamed = new WeakMap<ScriptedServer, { temporary: string; path: string }[]>();

function nameNow(server: ScriptedServer, one: { temporary: string; path: string }): void {
  const all = unnamed.get(server)!;
  all.splice(all.indexOf(one), 1);
  const bytes = server.hidden.get(one.temporary);
  server.hidden.delete(one.temporary);
  if (bytes !== undefined) server.files.set(one.path, bytes);
}

class SftpSession {
  #input: Buffer = Buffer.alloc(0);
  readonly #handles = new Map<string, string>();
  readonly #temporaries = new Map<string, string>();
  #nextHandle = 0;
  readonly #held: Buffer[] = [];

  constructor(
    readonly server: ScriptedServer,
    readonly channel: ServerChannel,
    readonly connection: number,
    readonly number: number,
  ) {
    channel.on('data', (data: Buffer) => {
      this.#input = this.#input.length === 0 ? data : Buffer.concat([this.#input, data]);
      while (this.#input.length >= 4 && this.#input.length >= 4 + this.#input.readUInt32BE(0)) {
        const packet = this.#input.subarray(4, 4 + this.#input.readUInt32BE(0));
        this.#input = this.#input.subarray(4 + packet.length);
        void this.#packet(packet);
      }
    });
    channel.on('error', () => undefined);
    server.channels.push(channel);
  }

  async #packet(packet: Buffer): Promise<void> {
    if (packet[0] === 1) {
      this.#version();
      return;
    }
    const id = packet.readUInt32BE(1);
    const request = this.#decode(packet);
    this.server.requests.push(request);
    const action = this.server.script?.(request) ?? {};
    const does = action.do ?? action.status === undefined;
    let answer: Buffer = does ? this.#perform(id, request) : status(id, action.status ?? FAILURE);
    if (action.status !== undefined) answer = status(id, action.status);
    if (action.answer instanceof Buffer) answer = action.answer;
    if (action.wait) await action.wait;
    if (action.then === 'drop') this.server.drop();
    else if (action.then === 'close-channel') this.channel.close();
    if (action.then || action.answer === 'never') return;
    if (action.answer === 'wrong-id') answer.writeUInt32BE((id + 0x4000_0000) >>> 0, 5);
    this.#answer(answer, request.type === 'write' && this.server.options.reorder === true);
  }

  #answer(answer: Buffer, later: boolean): void {
    if (!later) {
      this.#write(answer);
      return;
    }
    this.#held.push(answer);
    if (this.#held.length === 1)
      setImmediate(() =>
        this.#held
          .splice(0)
          .reverse()
          .forEach((held) => this.#write(held)),
      );
  }

  #write(answer: Buffer): void {
    if (this.channel.writable) this.channel.write(answer);
  }

  #version(): void {
    const { limits, fsync, posixRename, freeBytes } = this.server.options;
    const extensions = [
      ...(limits ? [['limits@openssh.com', '1']] : []),
      ...(fsync ? [['fsync@openssh.com', '1']] : []),
      ...(posixRename ? [['posix-rename@openssh.com', '1']] : []),
      ...(freeBytes ? [['statvfs@openssh.com', '2']] : []),
    ];
    this.#write(packet(2, uint32(3), ...extensions.flat().map((text) => string(text))));
  }

  #decode(packet: Buffer): Request {
    let at = 5;
    const number = (): number => packet.readUInt32BE((at += 4) - 4);
    const long = (): number => Number(packet.readBigUInt64BE((at += 8) - 8));
    const bytes = (): Buffer => {
      const length = number();
      return packet.subarray(at, (at += length));
    };
    const text = (): string => bytes().toString('utf8');
    const byHandle = (): string => {
      request.handle = text();
      return this.#handles.get(request.handle) ?? '';
    };
    let type: RequestType = types[packet[0]] ?? 'unknown';
    const request = {
      id: packet.readUInt32BE(1),
      type,
      nth: 0,
      connection: this.connection,
      channel: this.number,
      path: '',
      target: '',
      handle: '',
      flags: 0,
      offset: 0,
      data: Buffer.alloc(0),
    };
    if (packet[0] === 200) {
      const name = text();
      type = request.type =
        (
          {
            'limits@openssh.com': 'limits',
            'fsync@openssh.com': 'fsync',
            'statvfs@openssh.com': 'statvfs',
            'posix-rename@openssh.com': 'posix-rename',
          } as Record<string, RequestType>
        )[name] ?? 'unknown';
    }
    if (
      type === 'close' ||
      type === 'readdir' ||
      type === 'fstat' ||
      type === 'fsync' ||
      type === 'write' ||
      type === 'read' ||
      type === 'fsetstat'
    ) {
      if (type === 'close' || type === 'readdir') request.target = packet.subarray(at + 4).toString('latin1');
      request.path = byHandle();
    } else if (type !== 'limits' && type !== 'unknown') {
      request.path = text();
    }
    if (type === 'write') {
      request.offset = long();
      request.data = Buffer.from(bytes());
    } else if (type === 'read') {
      request.offset = long();
      request.flags = number();
    } else if (type === 'open') {
      request.flags = number();
    } else if (type === 'rename' || type === 'posix-rename') {
      request.target = text();
    }
    request.nth = (counts.get(this.server)?.get(type) ?? 0) + 1;
    counts.get(this.server)?.set(type, request.nth);
    return request;
  }

  #perform(id: number, request: Request): Buffer {
    const { server } = this;
    const { files, options } = server;
    const { path, target } = request;
    const temporary = this.#temporaries.get(request.handle);
    const [place, key] = temporary === undefined ? [files, path] : [server.hidden, temporary];
    const file = place.get(key);
    switch (request.type) {
      case 'open': {
        const create = (request.flags & 8) !== 0;
        const directory = path.slice(0, Math.max(1, path.lastIndexOf('/')));
        if (file && (request.flags & 32) !== 0) return status(id, FAILURE);
        if (!file && (!create || !(options.directories ?? ['/in']).includes(directory)))
          return status(id, NO_SUCH_FILE);
        if (!file || (request.flags & 16) !== 0) files.set(path, Buffer.alloc(0));
        const handle = `h${++this.#nextHandle}`;
        this.#handles.set(handle, path);
        const placeholder = options.nameAtClose === 'placeholder' && (request.flags & 2) !== 0;
        if (placeholder || (options.nameAtClose === true && create)) {
          const hidden = `${this.connection}.${this.number}.${handle}`;
          if (!placeholder) files.delete(path);
          server.hidden.set(hidden, Buffer.alloc(0));
          unnamed.get(server)!.push({ temporary: hidden, path });
          this.#temporaries.set(handle, hidden);
        }
        return packet(102, uint32(id), string(handle));
      }
      case 'write': {
        server.payloads.push({ path, offset: request.offset, data: request.data });
        if (!file) return status(id, path === '' ? FAILURE : OK);
        const end = request.offset + request.data.length;
        const others = [...files].reduce((sum, [name, bytes]) => sum + (name === path ? 0 : bytes.length), 0);
        if (others + end > (options.quota ?? Infinity)) return status(id, FAILURE);
        place.set(key, written(file, request.offset, request.data));
        return status(id, OK);
      }
      case 'read': {
        if (!file || request.offset >= file.length) return status(id, EOF);
        return packet(103, uint32(id), string(file.subarray(request.offset, request.offset + request.flags)));
      }
      case 'close': {
        if (!this.#handles.delete(target) && !target.startsWith('d')) return status(id, FAILURE);
        const open = unnamed.get(server)!.find((one) => one.temporary === temporary);
        if (open !== undefined) nameNow(server, open);
        if (options.collect === 'close') this.#collect(path);
        return status(id, OK);
      }
      case 'stat':
      case 'lstat':
      case 'fstat':
        if (file) return packet(105, uint32(id), uint32(1), long(file.length));
        return (options.directories ?? ['/in']).includes(path)
          ? packet(105, uint32(id), uint32(4), uint32(0o40755))
          : status(id, NO_SUCH_FILE);
      case 'remove':
        return status(id, files.delete(path) ? OK : NO_SUCH_FILE);
      case 'rename':
      case 'posix-rename':
        if (!file) return status(id, NO_SUCH_FILE);
        if (files.has(target) && request.type === 'rename' && !options.renameOverwrites) return status(id, FAILURE);
        files.delete(path);
        files.set(target, file);
        if (options.collect === 'rename') this.#collect(target);
        return status(id, OK);
      case 'fsync':
        return status(id, file ? OK : FAILURE);
      case 'limits': {
        const { packet: bytes, read, write, handles } = options.limits!;
        return packet(201, uint32(id), long(bytes), long(read), long(write), long(handles));
      }
      case 'statvfs': {
        const free = Math.floor((options.freeBytes?.() ?? 0) / 4096);
        return packet(201, uint32(id), ...[4096, 4096, 1_000_000, free, free, 1000, 1000, 1000, 1, 0, 255].map(long));
      }
      case 'realpath':
        return packet(104, uint32(id), uint32(1), string(path === '.' ? '/' : path), string(path), uint32(0));
      case 'opendir': {
        const handle = `d${++this.#nextHandle}`;
        this.#handles.set(handle, path);
        return (options.directories ?? ['/in']).includes(path)
          ? packet(102, uint32(id), string(handle))
          : status(id, NO_SUCH_FILE);
      }
      case 'readdir': {
        const names = this.#handles.delete(target)
          ? [...files.keys()].filter((name) => name.slice(0, name.lastIndexOf('/')) === path)
          : [];
        if (names.length === 0) return status(id, EOF);
        return packet(
          104,
          uint32(id),
          uint32(names.length),
          ...names.flatMap((name) => [string(name.slice(path.length + 1)), string(name), uint32(0)]),
        );
      }
      case 'setstat':
      case 'fsetstat':
        return status(id, OK);
      case 'mkdir':
      case 'rmdir':
      case 'readlink':
      case 'symlink':
      case 'unknown':
        return status(id, OP_UNSUPPORTED);
    }
  }

  #collect(path: string): void {
    const file = this.server.files.get(path);
    if (!file) return;
    this.server.files.delete(path);
    this.server.collected.set(path, file);
  }
}

/** The contents with `data` at `offset`, in room that grows by doubling. */
function written(file: Buffer, offset: number, data: Buffer): Buffer {
  const end = Math.max(file.length, offset + data.length);
  let room = file.buffer;
  if (!rooms.has(room) || room.byteLength < end) {
    room = new ArrayBuffer(Math.max(64 * 1024, 2 * end));
    rooms.add(room);
    new Uint8Array(room).set(file);
  }
  const grown = Buffer.from(room, 0, end);
  grown.set(data, offset);
  return grown;
}

/** Those that belong to one file; small Buffers share theirs. */
const rooms = new WeakSet<ArrayBufferLike>();

function packet(type: number, ...fields: Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from([type]), ...fields]);
  return Buffer.concat([uint32(body.length), body]);
}

/** An answer SSH_FXP_STATUS. */
export function status(id: number, code: number): Buffer {
  return packet(101, uint32(id), uint32(code), string(`status ${code}`), string('en'));
}

function uint32(n: number): Buffer {
  const b = Buffer.alloc(4);
  b.writeUInt32BE(n >>> 0);
  return b;
}

function long(n: number): Buffer {
  const b = Buffer.alloc(8);
  b.writeBigUInt64BE(BigInt(n));
  return b;
}

function string(s: string | Uint8Array): Buffer {
  const b = typeof s === 'string' ? Buffer.from(s, 'utf8') : Buffer.from(s);
  return Buffer.concat([uint32(b.length), b]);
}
