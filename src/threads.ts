import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { ConveyorEnd, Feeder, Taker } from './conveyor.js';
import { oneFile, packageFile, packageUrl } from './installation.js';
import { DepotError, type ErrorRecord, errorFromRecord, threadFailed } from './errors.js';

/** What can run in a thread; thread-entry.ts has the programs. */
export type ThreadName = 'packing' | 'sealing' | 'rehearsal' | 'opening' | 'opening-all' | 'reading' | 'writing';

/** The conveyors that a thread works at: it empties `from`, and fills `to`. */
export interface ThreadEnds {
  from?: ConveyorEnd;
  to?: ConveyorEnd;
}

export interface ThreadData {
  name: ThreadName;
  data: unknown;
  ends: ThreadEnds;
}

export type Said =
  | { kind: 'progress'; entries?: number; bytes: number }
  | { kind: 'warning'; message: string; weight?: 'act' | undefined };

interface ThreadHooks {
  said?: (said: Said) => void;
  /** Hears of a death without a report. */
  died?: (error: DepotError) => void;
}

/** What a program works with. How it ends, well or not, is told at its conveyors for it. */
export interface Tools {
  from: Taker<unknown, unknown> | undefined;
  to: Feeder<unknown, unknown> | undefined;
  /** Fires when the thread is to stop; from then on both conveyors throw. */
  signal: AbortSignal;
  say: (said: Said) => void;
}

export type FromThread =
  | { kind: 'said'; said: Said }
  /** Start another thread, beside this one. */
  | { kind: 'start'; thread: ThreadData }
  | { kind: 'done'; result: unknown }
  | { kind: 'failed'; error: ErrorRecord };

/** Always the built program, from source (tsx, vitest) too: so the threads of the tests are those of the user. */
function program(): URL | string {
  return oneFile ? packageFile('thread-entry.cjs').toString() : packageUrl('dist/thread-entry.js');
}

/**
 * A small nursery is emptied often: what waits in it are handles on buffers, a thousand times larger than they look.
 * Opening and rehearsal make more objects.
 */
const nurseryMiB: Record<ThreadName, number> = {
  packing: 2,
  sealing: 2,
  rehearsal: 4,
  opening: 4,
  'opening-all': 4,
  reading: 1,
  writing: 1,
};

/** A thread that runs one of the programs, with `R` as its result. Only the main thread starts any (`startBeside`). */
export class Thread<R> {
  /** Rejects with what the program threw, or when the thread, or one that it had started beside it, dies. */
  readonly result: Promise<R>;
  readonly gone: Promise<void>;
  readonly #worker: Worker;
  readonly #hooks: ThreadHooks;
  readonly #beside: Thread<unknown>[] = [];
  #hasReported = false;
  #reject!: (error: unknown) => void;

  constructor({ name, data, ends }: ThreadData, hooks: ThreadHooks = {}) {
    this.#hooks = hooks;
    this.#worker = new Worker(program(), {
      eval: oneFile,
      workerData: { name, data, ends } satisfies ThreadData,
      transferList: portsOf(ends),
      resourceLimits: { maxYoungGenerationSizeMb: nurseryMiB[name] },
    });
    this.gone = new Promise((gone) => this.#worker.once('exit', () => gone()));
    this.result = new Promise<R>((resolve, reject) => {
      this.#reject = reject;
      this.#worker.on('message', (message: FromThread) => {
        if (message.kind === 'done') resolve(message.result as R);
        this.#hear(message);
      });
    });
    // Who is not interested in the result may hear of a failure by way of a conveyor.
    this.result.catch(() => undefined);
    this.#worker.once('error', (error) => this.#die(threadFailed(name, error)));
    this.#worker.once('exit', () =>
      this.#die(new DepotError('internal', `the ${name} thread ended before it was done`)),
    );
  }

  /** Asks it to stop, which it does where it waits in its event loop; `result` rejects then. */
  stop(): void {
    this.#worker.postMessage('stop');
  }

  /** The process need not wait for it. */
  unref(): void {
    this.#worker.unref();
  }

  /** Ends it wherever it is. Resolves when it is gone, and those beside it. */
  async terminate(): Promise<void> {
    await Promise.all([this.#worker.terminate(), ...this.#beside.map((thread) => thread.terminate())]);
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case 'said':
        this.#hooks.said?.(message.said);
        break;
      case 'start':
        try {
          this.#beside.push(new Thread(message.thread, { died: (error) => this.#die(error) }));
        } catch (error) {
          this.#die(threadFailed(message.thread.name, error as Error));
        }
        break;
      case 'done':
        this.#hasReported = true;
        break;
      case 'failed':
        this.#hasReported = true;
        this.#reject(errorFromRecord(message.error));
        break;
    }
  }

  #die(error: DepotError): void {
    if (this.#hasReported) return;
    this.#reject(error);
    this.#hooks.died?.(error);
  }
}

/** From a thread: has the main thread start another one, since that hears when it dies, even if this one waits where it stands. */
export function startBeside(name: ThreadName, data: unknown, ends: ThreadEnds): void {
  const thread: ThreadData = { name, data, ends };
  if (isMainThread) new Thread(thread).unref();
  else parentPort!.postMessage({ kind: 'start', thread } satisfies FromThread, portsOf(ends));
}

/** A session key in memory that both threads have: not copied on its way, and whoever started the thread can wipe it at any time. */
export function sharedKey(sessionKey: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const shared = new Uint8Array(new SharedArrayBuffer(sessionKey.length));
  shared.set(sessionKey);
  return shared;
}

function portsOf({ from, to }: ThreadEnds) {
  return [from, to].flatMap((end) => (end === undefined ? [] : [end.port]));
}
