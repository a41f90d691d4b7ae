import { availableParallelism } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Chunk } from '../dataset/chunks.js';
import { packDataset, type DatasetHooks, type DatasetOptions, type DatasetSummary } from '../dataset/pack.js';
import { DepotError, errorFromRecord, type ErrorRecord } from '../errors.js';
import { openStdin } from './stdin.js';

/** What the packing thread is started with. */
export interface PackingData {
  options: DatasetOptions;
  /** Chunks that it may have handed over and not got back. */
  credits: number;
}

/** So many are on their way, beside those that the compression holds and the one that is being filled. */
const CHUNKS_AHEAD = 2;

/** Packing thread → sealing thread. `chunk` is transferred, not copied. */
export type FromPacking =
  | { kind: 'chunk'; buffer: ArrayBuffer; length: number }
  | { kind: 'progress'; progress: { entries: number; bytes: number } }
  | { kind: 'warning'; message: string }
  | { kind: 'packed'; summary: DatasetSummary }
  | { kind: 'failed'; error: ErrorRecord };

/** Sealing thread → packing thread. A returned buffer is a credit. */
export type ToPacking = { kind: 'credit'; buffer: ArrayBuffer } | { kind: 'abort' };

/** What packing tells while it goes on; as `DatasetHooks`. */
export type PackingHooks = Pick<DatasetHooks, 'signal' | 'warn' | 'progress'>;

/** A packing under way. */
export interface Packing {
  /** As of `packDataset`. */
  chunks: AsyncGenerator<Chunk, DatasetSummary>;
  /** Takes a chunk back that is done with, for another one. */
  release: (chunk: Chunk) => void;
}

/**
 * As `packDataset`, in a thread of its own where the machine has a core for it: reading a hundred thousand small files is system
 * calls, and sealing them is arithmetic, which one thread would do in turn. Standard input is opened where it is read.
 *
 * @param held how many chunks the caller may need before it releases one
 */
export function pack(options: DatasetOptions, hooks: PackingHooks, held: number): Packing {
  // Nor from source (tsx, vitest), where a thread takes a second to start.
  return availableParallelism() < 2 || import.meta.url.endsWith('.ts') ? packHere(options, hooks) : packInThread({ options, credits: held + CHUNKS_AHEAD }, hooks);
}

/** In this thread; the program of the packing thread, too. */
export function packHere(options: DatasetOptions, hooks: PackingHooks, spare: ArrayBuffer[] = []): Packing {
  const stdin = options.sources.some(({ kind }) => kind === 'stdin') ? openStdin() : undefined;
  return {
    chunks: packDataset(options, { ...hooks, spare: () => spare.pop(), ...(stdin && { stdin }) }),
    release: ({ buffer }) => void spare.push(buffer),
  };
}

function packInThread(data: PackingData, hooks: PackingHooks): Packing {
  const thread = new PackingThread(data, hooks);
  async function* chunks(): AsyncGenerator<Chunk, DatasetSummary> {
    try {
      for (let chunk = await thread.next(); chunk !== null; chunk = await thread.next()) {
        yield chunk;
        // Messages wait for a turn of the event loop, those from the main thread too.
        await turn();
      }
      return thread.summary;
    } finally {
      await thread.stop();
    }
  }
  return { chunks: chunks(), release: ({ buffer }) => thread.release(buffer) };
}

/** The sealing thread's end of a packing thread. */
class PackingThread {
  readonly #worker: Worker;
  readonly #signal: AbortSignal;
  readonly #chunks: Chunk[] = [];
  readonly #gone: Promise<void>;
  readonly #onAbort = (): void => this.#send({ kind: 'abort' });
  #ended: { summary: DatasetSummary } | { error: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(workerData: PackingData, { signal, warn, progress }: PackingHooks) {
    // A small nursery, as the sealing thread's.
    this.#worker = new Worker(new URL('./pack-thread.js', import.meta.url), { workerData, resourceLimits: { maxYoungGenerationSizeMb: 2 } });
    this.#signal = signal;
    this.#gone = new Promise((done) => this.#worker.once('exit', () => done()));
    this.#worker.on('message', (message: FromPacking) => {
      switch (message.kind) {
        case 'chunk':
          this.#chunks.push(new Uint8Array(message.buffer, 0, message.length));
          this.#wake?.();
          break;
        case 'progress':
          progress(message.progress);
          break;
        case 'warning':
          warn(message.message);
          break;
        case 'packed':
          this.#end({ summary: message.summary });
          break;
        case 'failed':
          this.#end({ error: errorFromRecord(message.error) });
          break;
      }
    });
    this.#worker.once('error', (error) => this.#end({ error: new DepotError('internal', `the packing thread failed: ${error.message}`, { cause: error }) }));
    this.#worker.once('exit', () => this.#end({ error: new DepotError('internal', 'the packing thread ended before the dataset was complete') }));
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The next chunk; null after the last. Throws what the packing threw. */
  async next(): Promise<Chunk | null> {
    for (;;) {
      this.#signal.throwIfAborted();
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return chunk;
      if (this.#ended !== null) {
        if ('error' in this.#ended) throw this.#ended.error;
        return null;
      }
      await new Promise<void>((wake) => (this.#wake = wake));
      this.#wake = null;
    }
  }

  /** Of the dataset that was packed to its end. */
  get summary(): DatasetSummary {
    if (this.#ended === null || 'error' in this.#ended) throw new Error('the dataset was not packed to its end');
    return this.#ended.summary;
  }

  release(buffer: ArrayBuffer): void {
    this.#send({ kind: 'credit', buffer }, [buffer]);
  }

  /** Resolves when the thread is gone, and with it the sources' commands; their clean-ups have run. */
  async stop(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#send({ kind: 'abort' });
    await this.#gone;
  }

  #send(message: ToPacking, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #end(ended: { summary: DatasetSummary } | { error: unknown }): void {
    this.#ended ??= ended;
    this.#wake?.();
  }
}
