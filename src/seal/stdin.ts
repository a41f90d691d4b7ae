import { createReadStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';

/**
 * What was piped into depot, for the sealing thread; undefined when that is a terminal or nothing. `process.stdin` of a worker
 * goes through the main thread, which has enough to do with SSH. A pipe is read as a socket, not through the thread pool: a
 * read there cannot be given up, and a writer that never ends would keep the process from ending.
 */
export function openStdin(): AsyncIterable<Uint8Array> | undefined {
  try {
    if (isatty(0)) return undefined;
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isSocket()
      ? new Socket({ fd: 0, readable: true, writable: false })
      : createReadStream('', { fd: 0, autoClose: false, highWaterMark: 1 << 20 });
  } catch {
    return undefined;
  }
}
