/**
 * One SFTP channel of the scripted server: decodes requests, asks the script, does to the files what a good server
 * would do, and answers.
 */
import type { ServerChannel } from 'ssh2';
import type { Request, RequestType, ScriptedServer } from './scripted-server.js';
import { long, packet, status, string, uint32 } from './sftp-packets.js';

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

/** How many requests of each type a server has had. */
const counts = new WeakMap<ScriptedServer, Map<RequestType, number>>();

/** With `nameAtClose`: files that have no name yet, under the handle's name in `files`. */
const unnamed = new WeakMap<ScriptedServer, { temporary: string; path: string }[]>();

export function beginSessions(server: ScriptedServer): void {
  counts.set(server, new Map());
  unnamed.set(server, []);
}

/** Gives every file that was left open its name; returns how many those were. */
export function nameAllNow(server: ScriptedServer): number {
  const late = [...unnamed.get(server)!];
  late.forEach((one) => nameNow(server, one));
  return late.length;
}

function nameNow(server: ScriptedServer, one: { temporary: string; path: string }): void {
  const all = unnamed.get(server)!;
  all.splice(all.indexOf(one), 1);
  const bytes = server.hidden.get(one.temporary);
  server.hidden.delete(one.temporary);
  if (bytes !== undefined) server.files.set(one.path, bytes);
}

export class SftpSession {
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
