import { createReadStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import type { Feeder } from '../conveyor.js';
import type { Chunk } from '../dataset/chunks.js';
import { Listing } from '../dataset/listed.js';
import { packDataset } from '../dataset/pack.js';
import type { DatasetOptions, DatasetSummary } from '../dataset/sources.js';
import type { Said } from '../threads.js';

/** The packing thread: reading is system calls, sealing arithmetic, so each has its thread. @throws as `packDataset` */
export async function pack(
  options: DatasetOptions,
  { to, list, signal, say }: { to: Feeder; list?: Feeder; signal: AbortSignal; say: (said: Said) => void },
): Promise<DatasetSummary> {
  const stdin = options.sources.some(({ kind }) => kind === 'stdin') ? openStdin() : undefined;
  // Waits where it stands: between two entries without contents there may be no chunk, and so no turn.
  const listing =
    list &&
    new Listing((lines) => {
      list.readyHere();
      list.pass(lines);
    });
  let summary!: DatasetSummary;
  async function* chunks(): AsyncGenerator<Chunk, void> {
    summary = yield* packDataset(options, {
      signal,
      warn: (message, weight) => say({ kind: 'warning', message, weight }),
      progress: (progress) => say({ kind: 'progress', ...progress }),
      spare: () => to.spare(),
      ...(listing && { listing }),
      ...(stdin && { stdin }),
    });
  }
  try {
    for await (const chunk of chunks()) {
      to.pass(chunk);
      await to.ready();
    }
  } finally {
    // Its iterator returns only when something comes. A writer that neither writes nor ends would keep the thread from ending.
    if (stdin instanceof Socket) stdin.destroy();
  }
  return summary;
}

/**
 * What was piped into depot; undefined when that is a terminal or nothing. `process.stdin` of a thread goes through the
 * main thread, which has enough to do with SSH. A pipe is read as a socket, not through the thread pool: a read there
 * cannot be given up, and a writer that never ends would keep the process from ending.
 */
function openStdin(): Readable | undefined {
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
