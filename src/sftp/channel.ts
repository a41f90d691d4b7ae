import type { SFTPWrapper, Stats } from 'ssh2';
import { Answer, AnswerCheck } from './answers.js';
import { printable } from '../printable.js';
import { flagsText, OpenFlag } from './open-flags.js';
import { ConnectionLost, orRefusal, SftpStatus, Status } from './status.js';
import { handleText, Trace } from './trace.js';
import { writeMessage, type WriteMessage } from './write-message.js';

/**
 * What we need of ssh2's SFTP class beyond its public names. `sftp.write` copies every byte twice and sends a short
 * packet after each 32 KiB; `channelData`, and only when the window has room, costs a third less CPU per GiB.
 */
interface Internals {
  push(data: Buffer | null): void;
  readonly _protocol: { channelData(id: number, data: Buffer): void };
  readonly _extensions: Record<string, string>;
  readonly _buffer: unknown[];
  readonly _maxWriteLen: number;
  readonly _maxOutPktLen: number;
  _requests: Record<number, { cb: (error?: Error & { code?: number }) => void; answer?: number }>;
  _writeReqid: number;
  _waitWindow: boolean;
  _chunkcb: (() => void) | undefined;
  readonly outgoing: { id: number; window: number; packetSize: number; state: string };
}

export interface FileSystemSpace {
  freeBytes: number;
  freeFiles: number;
}

type Answered<T> = (error: (Error & { code?: number }) | null | undefined, value?: T) => void;

/** A request must fit the window in one go, or it would be cut in two by a WRITE that comes next. */
const requestRoom = 8192;
/** The part of a mode that says what it is of, and a directory's. */
const fileType = 0o170000,
  directory = 0o040000;

export interface ChannelOptions {
  /** The arrangement that uses it, for the log. */
  of?: string | undefined;
  /** Identification of the server, to tell OpenSSH. */
  server: string;
  /** Longest wait for an answer, in milliseconds. */
  patienceMs: number;
  /** An answer did not come in time: the connection is to be given up. */
  onStall: (reason: ConnectionLost) => void;
}

let channels = 0;

/** One SFTP channel. Requests reject with `SftpStatus` (the server said no) or `ConnectionLost` (it said nothing). */
export class SftpChannel {
  readonly #raw: Internals;
  readonly #handlers = new Set<(reason: ConnectionLost) => void>();
  readonly #queue: (WriteMessage | (() => void))[] = [];
  /** Not more than the whole window, which some servers keep small. */
  readonly #requestRoom: number;
  readonly #trace: Trace | null;
  #lost: ConnectionLost | null = null;
  /** For the log: channels of this process, counted from 1. */
  readonly number = ++channels;
  /** Fastest answer to a small request so far, in milliseconds: close to one round trip. */
  roundTripMs = Infinity;

  constructor(
    private readonly sftp: SFTPWrapper,
    private readonly options: ChannelOptions,
  ) {
    this.#raw = sftp as unknown as Internals;
    this.#trace = Trace.of(options.of, this.number);
    this.#requestRoom = Math.max(1, Math.min(requestRoom, this.#raw.outgoing.window));
    const answers = new AnswerCheck((id) => this.#raw._requests[id]?.answer);
    const push = this.#raw.push.bind(sftp);
    this.#raw.push = (data) => {
      const wrong = data === null || this.#lost !== null ? null : answers.check(data);
      if (wrong === null) push(data);
      else this.end(senseless(wrong));
    };
    sftp.on('error', (error: Error) => this.#fail(senseless(printable(error.message), error)));
    sftp.on('end', () => this.#fail(new ConnectionLost('the server closed the SFTP channel')));
    sftp.on('close', () => this.#fail(new ConnectionLost('the server closed the SFTP channel')));
  }

  get lost(): ConnectionLost | null {
    return this.#lost;
  }

  /** Calls back once, when nothing more will be answered; at once when that is so already. */
  onLost(handler: (reason: ConnectionLost) => void): void {
    if (this.#lost) handler(this.#lost);
    else this.#handlers.add(handler);
  }

  /** Bytes per WRITE. Larger ones have corrupted files on some servers that announce no limit, without an error. */
  get writeSize(): number {
    if (this.has('limits@openssh.com'))
      return Math.max(1024, Math.min(this.#raw._maxWriteLen, this.#raw._maxOutPktLen - 1024, 261_120));
    return /^SSH-2\.0-OpenSSH/.test(this.options.server) ? 32_768 : 31_952;
  }

  /** What the server announced, as `name version`, for the log. */
  get extensions(): string[] {
    return Object.entries(this.#raw._extensions).map(([name, version]) => printable(`${name} ${version}`));
  }

  /** Whether the server announced this extension. */
  has(extension: string): boolean {
    return Object.hasOwn(this.#raw._extensions, extension);
  }

  /** The handle of a new file: what is there is never opened. */
  create(path: string): Promise<Buffer> {
    return this.open(path, OpenFlag.WRITE | OpenFlag.CREATE | OpenFlag.EXCLUSIVE);
  }

  /** `flags` of OpenFlag; the handle. */
  open(path: string, flags: number): Promise<Buffer> {
    return this.#ask<Buffer>(
      'open',
      `${path} ${flagsText(flags)}`,
      (done) => this.sftp.open(path, flags, done),
      Answer.HANDLE,
    );
  }

  /** Servers move, scan or flush files when they are closed: this answer may take long. */
  async close(handle: Buffer): Promise<void> {
    await this.#ask<unknown>('close', handle, (done) => this.sftp.close(handle, done), Answer.STATUS, 20);
  }

  /** Size in bytes; null when the server leaves it out of its answer. */
  async fstat(handle: Buffer): Promise<number | null> {
    return sizeOf(await this.#ask<Stats>('fstat', handle, (done) => this.sftp.fstat(handle, done), Answer.ATTRS));
  }

  /** Size in bytes, as with `fstat`; symbolic links are followed. */
  async stat(path: string): Promise<number | null> {
    return sizeOf(await this.#ask<Stats>('stat', path, (done) => this.sftp.stat(path, done), Answer.ATTRS));
  }

  /** Null when the server leaves the mode out of its answer, as it may; symbolic links are followed. */
  async isDirectory(path: string): Promise<boolean | null> {
    const { mode } = await this.#ask<Stats>('stat', path, (done) => this.sftp.stat(path, done), Answer.ATTRS);
    return typeof mode === 'number' && (mode & fileType) !== 0 ? (mode & fileType) === directory : null;
  }

  /** Size in bytes, of a symbolic link itself. */
  async lstat(path: string): Promise<number | null> {
    return sizeOf(await this.#ask<Stats>('lstat', path, (done) => this.sftp.lstat(path, done), Answer.ATTRS));
  }

  /** `fsync@openssh.com`; ask `has` first. Gigabytes may have to reach a slow disk. */
  async fsync(handle: Buffer): Promise<void> {
    await this.#ask<unknown>('fsync', handle, (done) => this.sftp.ext_openssh_fsync(handle, done), Answer.STATUS, 20);
  }

  /** Plain SSH_FXP_RENAME: `posix-rename@openssh.com` overwrites its target. */
  async rename(from: string, to: string): Promise<void> {
    await this.#ask<unknown>(
      'rename',
      `${from} to ${to}`,
      (done) => this.sftp.rename(from, to, done),
      Answer.STATUS,
      20,
    );
  }

  /** SSH_FXP_REMOVE; a directory is refused. */
  async remove(path: string): Promise<void> {
    await this.#ask<unknown>('remove', path, (done) => this.sftp.unlink(path, done), Answer.STATUS);
  }

  /** At most `length` bytes; servers may give fewer. */
  async read(handle: Buffer, length: number, position: number): Promise<Buffer> {
    const into = Buffer.alloc(length);
    const ask = (done: Answered<number>): void => this.sftp.read(handle, into, 0, length, position, done);
    const about = `handle ${handleText(handle)} offset ${position} length ${length}`;
    return into.subarray(0, await this.#ask('read', about, ask, Answer.DATA));
  }

  /** `statvfs@openssh.com`; null when it is not offered or says nothing. */
  async space(path: string): Promise<FileSystemSpace | null> {
    if (this.#raw._extensions['statvfs@openssh.com'] !== '2') return null;
    const ask = (done: Answered<Record<string, number>>): void => this.sftp.ext_openssh_statvfs(path, done as never);
    const answer = await orRefusal(this.#ask('statvfs', path, ask, Answer.EXTENDED));
    if (answer instanceof SftpStatus) return null;
    const { f_bavail: blocks, f_frsize: size, f_favail: files } = answer;
    if (blocks === undefined || size === undefined) return null;
    return { freeBytes: blocks * size, freeFiles: files ?? Infinity };
  }

  /** Writes `bytes[start, end)` at `position`; calls `done` once. Whoever passes `watched: false` checks for stalls. */
  write(
    handle: Buffer,
    bytes: Uint8Array,
    start: number,
    end: number,
    position: number,
    done: (error: SftpStatus | ConnectionLost | null) => void,
    watched = true,
  ): void {
    if (this.#lost) {
      done(this.#lost);
      return;
    }
    const id = (this.#raw._writeReqid = (this.#raw._writeReqid + 1) >>> 0);
    const message = writeMessage(id, handle, [bytes, start, end], position);
    let stop: (() => void) | undefined;
    let over = false;
    const once = (error: SftpStatus | ConnectionLost | null): void => {
      if (over) return;
      over = true;
      stop?.();
      done(error);
    };
    if (watched) stop = this.#watch('write', 1, once);
    this.#raw._requests[id] = {
      answer: Answer.STATUS,
      cb: (error) => {
        const why = error ? this.#explain('write', error) : null;
        this.#trace?.answered(id, why);
        // A refusal too: the rest would still be sent, beside the repetition and after the server has acknowledged that.
        const early = message.sent < message.header.length + end - start;
        once(
          early && !(why instanceof ConnectionLost)
            ? new SftpStatus('write', Status.BAD_MESSAGE, 'answered before it was sent')
            : why,
        );
      },
    };
    this.#trace?.wrote(id, handle, position, end - start);
    this.#queue.push(message);
    if (this.#queue.length === 1) this.#flush();
  }

  /** Ends the channel without waiting for anything; open handles are closed by the server. */
  end(reason = new ConnectionLost('the channel was closed')): void {
    this.#fail(reason);
    this.sftp.end();
  }

  /** `about`: a path or a handle, for the log. */
  #ask<T>(
    operation: string,
    about: string | Uint8Array,
    send: (done: Answered<T>) => void,
    wanted: number,
    patience = 1,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#lost) {
        reject(this.#lost);
        return;
      }
      const fail = (reason: Error): void => {
        stop();
        reject(reason);
      };
      const stop = this.#watch(operation, patience, fail);
      this.#queue.push(() => {
        const asked = performance.now();
        let id = -1;
        const answer: Answered<T> = (error, value) => {
          const why = error ? this.#explain(operation, error) : null;
          this.#trace?.answered(id, why ?? value);
          if (why !== null) {
            fail(why);
          } else if (wanted !== Answer.STATUS && (value === undefined || value === null)) {
            fail(new SftpStatus(operation, Status.BAD_MESSAGE, 'answered OK without the answer'));
          } else {
            if (patience === 1) this.roundTripMs = Math.min(this.roundTripMs, performance.now() - asked);
            stop();
            resolve(value as T);
          }
        };
        try {
          send(answer);
          id = this.#raw._writeReqid;
          this.#trace?.asked(id, operation, about);
          const request = this.#raw._requests[id];
          if (request !== undefined) request.answer = wanted;
        } catch (error) {
          const thrown = error instanceof Error ? error : new Error(String(error));
          // ssh2 throws for an extension that the server did not announce; anything else is no answer of the server's.
          const unknown = /does not support/.test(thrown.message);
          fail(unknown ? new SftpStatus(operation, Status.OP_UNSUPPORTED, thrown.message) : thrown);
        }
      });
      if (this.#queue.length === 1) this.#flush();
    });
  }

  /** Until the function that this returns is called: `fail` when the channel fails, which it does when there is no answer in time. */
  #watch(operation: string, patience: number, fail: (reason: ConnectionLost) => void): () => void {
    const { patienceMs, onStall } = this.options;
    const timer = setTimeout(() => {
      const seconds = Math.round((patienceMs * patience) / 100) / 10;
      const stalled = new ConnectionLost(`no answer to ${operation} for ${seconds} s`);
      this.#fail(stalled);
      onStall(stalled);
    }, patienceMs * patience);
    const stop = (): void => {
      clearTimeout(timer);
      this.#handlers.delete(failed);
    };
    const failed = (reason: ConnectionLost): void => {
      stop();
      fail(reason);
    };
    this.#handlers.add(failed);
    return stop;
  }

  #explain(operation: string, error: Error & { code?: number }): SftpStatus | ConnectionLost {
    // Errors without a status are ssh2's own: the channel or the connection is gone.
    if (typeof error.code === 'number' && error.code !== Status.NO_CONNECTION && error.code !== Status.CONNECTION_LOST)
      return new SftpStatus(operation, error.code, error.message);
    return this.#lost ?? new ConnectionLost(`no answer to ${operation}: ${error.message}`, { cause: error });
  }

  #fail(reason: ConnectionLost): void {
    if (this.#lost) return;
    this.#lost = reason;
    this.#trace?.lost(reason);
    this.#queue.length = 0;
    const handlers = [...this.#handlers];
    this.#handlers.clear();
    for (const handler of handlers) handler(reason);
  }

  /** Sends what the channel's window has room for, in order. */
  #flush(): void {
    const { outgoing } = this.#raw;
    for (let item = this.#queue[0]; item !== undefined; item = this.#queue[0]) {
      if (outgoing.state !== 'open') return;
      if (this.#raw._buffer.length > 0 || outgoing.window < (typeof item === 'function' ? this.#requestRoom : 1)) {
        this.#flushLater();
        return;
      }
      if (typeof item === 'function') {
        this.#queue.shift();
        item();
      } else if (this.#send(item)) {
        this.#queue.shift();
      }
    }
  }

  /** Sends one SSH packet of a message; true when it was the last. */
  #send(message: WriteMessage): boolean {
    const { outgoing, _protocol } = this.#raw;
    const { header, bytes, start, end, sent } = message;
    const total = header.length + end - start;
    const length = Math.min(total - sent, outgoing.window, outgoing.packetSize);
    let data: Buffer;
    if (sent >= header.length) {
      data = Buffer.from(bytes.buffer, bytes.byteOffset + start + sent - header.length, length);
    } else {
      data = Buffer.allocUnsafe(length);
      const head = header.copy(data, 0, sent, Math.min(header.length, sent + length));
      if (head < length) data.set(bytes.subarray(start, start + length - head), head);
    }
    outgoing.window -= length;
    message.sent += length;
    _protocol.channelData(outgoing.id, data);
    return message.sent === total;
  }

  #flushLater(): void {
    const drain = this.#raw._buffer.length > 0 ? this.#raw._chunkcb : undefined;
    this.#raw._waitWindow = true;
    this.#raw._chunkcb = () => {
      this.#raw._chunkcb = undefined;
      drain?.();
      this.#flush();
    };
  }
}

function senseless(what: string, cause?: Error): ConnectionLost {
  return new ConnectionLost(`the server's SFTP answers make no sense: ${what}`, { cause });
}

function sizeOf(stats: Stats): number | null {
  return typeof stats.size === 'number' && Number.isSafeInteger(stats.size) ? stats.size : null;
}
