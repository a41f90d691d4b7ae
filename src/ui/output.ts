/** Standard output that a script can trust: what was not written is known before depot says how it went. */
import { fdatasync, fstatSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { DepotError, type ErrorDetails } from '../errors.js';

/**
 * A file or a device as standard output. Node's own stream for these writes once and does not look at how much was taken: on
 * a disk that is nearly full the rest would be missing without an error.
 */
export class FileOutput extends Writable {
  readonly fd: number;
  used = false;

  constructor(fd: number) {
    super();
    this.fd = fd;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.used ||= chunk.length > 0;
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.fd, chunk, at);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  }
}

/** Node's stream where it is a terminal, a pipe or a socket; a `FileOutput` where it is anything else. */
export function wholeOutput(stream: NodeJS.WriteStream & { fd: number }): NodeJS.WriteStream {
  if (stream.isTTY) return stream;
  try {
    const stat = fstatSync(stream.fd);
    if (!stat.isFile() && !stat.isCharacterDevice()) return stream;
    const file: unknown = new FileOutput(stream.fd);
    return file as NodeJS.WriteStream;
  } catch {
    return stream;
  }
}

/** Hears of what a stream could not write. */
export class Watched {
  /** What was in the way first. */
  lost: NodeJS.ErrnoException | null = null;
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    stream.on('error', (error) => {
      this.lost ??= error;
    });
  }

  /** Resolves when there is room for more, or never will be. */
  async drained(): Promise<void> {
    const stream = this.#stream;
    if (stream.destroyed || !stream.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      for (const event of ['drain', 'error', 'close']) stream.once(event, resolve);
    });
  }

  /** Resolves when everything was taken, or could not be. */
  async written(): Promise<void> {
    const stream = this.#stream;
    if (!stream.destroyed) await new Promise<void>((resolve) => stream.write('', () => resolve()));
    // An error is told a turn after the write that met it.
    await turn();
    if (this.lost === null && stream instanceof FileOutput && stream.used) await this.#synced(stream.fd);
  }

  /** A network file system, or a quota, may refuse only now what it seemed to take. */
  #synced(fd: number): Promise<void> {
    return new Promise((resolve) => {
      fdatasync(fd, (error) => {
        // EINVAL: a device, which keeps nothing.
        if (error !== null && error.code !== 'EINVAL') this.lost = error;
        resolve();
      });
    });
  }
}

const reasons: Record<string, string> = {
  EPIPE: 'the program that reads it is gone',
  ENOSPC: 'no space left',
  EDQUOT: 'the quota is used up',
  EIO: 'input/output error',
  EFBIG: 'the file has reached its size limit',
};

/** That the result was not written, as an error; `details`: what was done all the same. */
export function notWritten(error: NodeJS.ErrnoException, details: ErrorDetails = {}): DepotError {
  const code = error.code ?? '';
  return new DepotError(
    code === 'ENOSPC' || code === 'EDQUOT' ? 'local-disk-full' : 'local-not-writable',
    `the result could not be written to standard output: ${reasons[code] ?? (code || error.message)}`,
    {
      hint:
        code === 'EPIPE'
          ? 'find out why the program that reads it stopped early'
          : 'make room there, or send the output elsewhere',
      ...details,
      cause: error,
    },
  );
}
