import { availableParallelism } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Chunk } from '../dataset/chunks.js';
import { packDataset, type DatasetHooks, type DatasetOptions, type DatasetSummary } from '../dataset/pack.js';
import { DepotError, errorFromRecord, type ErrorRecord, threadFailed } from '../errors.js';
import { openStdin } from './stdin.js';

/** So many are on their way, beside those that the compression holds and the one that is being filled. */
const CHUNKS_AHEAD = 2;

/** Packing thread → sealing thread. `chunk` is transferred, not copied. */
export type FromPacking =
  | { kind: 'chunk'; buffer: ArrayBuffer; length: number }
  | { kind: 'progress'; progress: { entries: number; bytes: number } }
  | { kind: 'warning'; message: string; weight?: 'act' | undefined }
  | { kind: 'packed'; summary: DatasetSummary }
  | { kind: 'failed'; error: ErrorRecord };

/** Sealing thread → packing thread: `begin` first, and once, with the number of chunks that may be handed over and not come back. A returned buffer is a credit. */
export type ToPacking =
  | { kind: 'begin'; options: DatasetOptions; credits: number }
  | { kind: 'credit'; buffer: ArrayBuffer }
  | { kind: 'abort' };

/** What packing tells while it goes on; as `DatasetHooks`. */
export type PackingHooks = Pick<DatasetHooks, 'signal' | 'warn' | 'progress'>;

/** A packing under way. */
export interface Packing {
  /** As of `packDataset`. */
  chunks: AsyncGenerator<Chunk, DatasetSummary>;
  /** Takes a chunk back that is done with, for another one. */
  release: (chunk: Chunk) => void;
}

/** Packs one dataset, when it is told which. */
export interface Packer {
  /**
   * As `packDataset`; standard input is opened where it is read.
   *
   * @param held how many chunks the caller may need before it releases one
   */
  pack(options: DatasetOptions, hooks: PackingHooks, held: number): Packing;
  /** Resolves when its thread is gone, if it has one, and with it the sources' commands; their clean-ups have run. */
  end(): Promise<void>;
}

/**
 * Packs in a thread of its own, started now, where the machine has a core for it: reading a hundred thousand small files is system
 * calls, and sealing them is arithmetic, which one thread would do in turn.
 */
export function startPacker(): Packer {
  // Nor from source (tsx, vitest), where a thread takes a second to start.
  if (availableParallelism() >= 2 && !import.meta.url.endsWith('.ts')) return new PackingThread();
  return { pack: (options, hooks) => packHere(options, hooks), end: () => Promise.resolve() };
}

/** In this thread; the program of the packing thread, too. */
export function packHere(options: DatasetOptions, hooks: PackingHooks, spare: ArrayBuffer[] = []): Packing {
  const stdin = options.sources.some(({ kind }) => kind === 'stdin') ? openStdin() : undefined;
  return {
    chunks: packDataset(options, { ...hooks, spare: () => spare.pop(), ...(stdin && { stdin }) }),
    release: ({ buffer }) => void spare.push(buffer),
  };
}

/** The sealing thread's end of a packing thread. */
class PackingThread implements Packer {
  // A small nursery, as the sealing thread's.
  readonly #worker = new Worker(new URL('./pack-thread.js', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
  readonly #gone = new Promise<void>((done) => this.#worker.once('exit', () => done()));
  readonly #chunks: Chunk[] = [];
  readonly #onAbort = (): void => this.#send({ kind: 'abort' });
  #hooks: PackingHooks | null = null;
  #ended: { summary: DatasetSummary } | { error: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor() {
    this.#worker.on('message', (message: FromPacking) => {
      switch (message.kind) {
        case 'chunk':
          this.#chunks.push(new Uint8Array(message.buffer, 0, message.length));
          this.#wake?.();
          break;
        case 'progress':
          this.#hooks?.progress(message.progress);
          break;
        case 'warning':
          this.#hooks?.warn(message.message, message.weight);
          break;
        case 'packed':
          this.#settle({ summary: message.summary });
          break;
        case 'failed':
          this.#settle({ error: errorFromRecord(message.error) });
          break;
      }
    });
    this.#worker.once('error', (error) => this.#settle({ error: threadFailed('packing', error) }));
    this.#worker.once('exit', () =>
      this.#settle({ error: new DepotError('internal', 'the packing thread ended before the dataset was complete') }),
    );
  }

  pack(options: DatasetOptions, hooks: PackingHooks, held: number): Packing {
    this.#hooks = hooks;
    this.#send({ kind: 'begin', options, credits: held + CHUNKS_AHEAD });
    hooks.signal.addEventListener('abort', this.#onAbort, { once: true });
    return {
      chunks: this.#read(hooks.signal),
      release: ({ buffer }) => this.#send({ kind: 'credit', buffer }, [buffer]),
    };
  }

  async *#read(signal: AbortSignal): AsyncGenerator<Chunk, DatasetSummary> {
    try {
      for (let chunk = await this.#next(signal); chunk !== null; chunk = await this.#next(signal)) {
        yield chunk;
        // Messages wait for a turn of the event loop, those from the main thread too.
        await turn();
      }
      return this.#summary;
    } finally {
      await this.end();
    }
  }

  /** The next chunk; null after the last. Throws what the packing threw. */
  async #next(signal: AbortSignal): Promise<Chunk | null> {
    for (;;) {
      signal.throwIfAborted();
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
  get #summary(): DatasetSummary {
    if (this.#ended === null || 'error' in this.#ended) throw new Error('the dataset was not packed to its end');
    return this.#ended.summary;
  }

  async end(): Promise<void> {
    this.#hooks?.signal.removeEventListener('abort', this.#onAbort);
    this.#send({ kind: 'abort' });
    await this.#gone;
  }

  #send(message: ToPacking, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #settle(ended: { summary: DatasetSummary } | { error: unknown }): void {
    this.#ended ??= ended;
    this.#wake?.();
  }
}
