import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { ConveyorEnd, Feeder, Taker } from './conveyor.js';
import { oneFile, packageFile, packageUrl } from './installation.js';
import { type LogLevel, type LogLine, logInfo, logLevel, relayLog } from './log.js';
import { DepotError, type ErrorRecord, errorFromRecord, threadFailed } from './errors.js';

/** What can run in a thread; thread-entry.ts has the programs. */
export type ThreadName = 'packing' | 'sealing' | 'rehearsal' | 'opening' | 'opening-all' | 'reading' | 'writing';

/** The conveyors that a thread works at: it empties `from`, and fills `to`. */
export interface ThreadEnds {
  from?: ConveyorEnd;
  to?: ConveyorEnd;
  /** What it tells beside, which may be longer than memory. */
  list?: ConveyorEnd;
}

export interface ThreadData {
  name: ThreadName;
  /** The arrangement that it works for, for the log. */
  of?: string | undefined;
  /** What is logged; null for nothing. */
  log?: LogLevel | null;
  data: unknown;
  ends: ThreadEnds;
  /** When it has done this well, it waits for more. */
  stays?: boolean;
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
  list: Feeder<unknown, unknown> | undefined;
  /** Fires when the thread is to stop; from then on both conveyors throw. */
  signal: AbortSignal;
  say: (said: Said) => void;
}

export type FromThread =
  | { kind: 'said'; said: Said }
  | { kind: 'log'; line: LogLine }
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

/** A thread that did its work well and waits for more; `forget` hears of its death meanwhile. */
interface Kept {
  name: ThreadName;
  worker: Worker;
  forget: () => void;
}

/** Those that keep nothing of one piece of work to the next. */
const canStay = new Set<ThreadName>(['packing', 'sealing']);

/** While anybody wants them kept: for many small deposits, to start two threads for each takes longer than all the rest. */
const kept = { wantedBy: 0, waiting: new Set<Kept>() };

/** From now on threads that are done wait for more, until the function that this returns is called. */
export function keepThreads(): () => Promise<void> {
  kept.wantedBy++;
  return async () => {
    if (--kept.wantedBy > 0) return;
    const workers = [...kept.waiting].map(({ worker }) => worker);
    kept.waiting.clear();
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
}

function keep(name: ThreadName, worker: Worker): void {
  const one: Kept = { name, worker, forget: () => kept.waiting.delete(one) };
  kept.waiting.add(one);
  worker.once('error', one.forget).once('exit', one.forget);
  // It must not keep a process alive that has nothing else to do.
  worker.unref();
}

function takeKept(wanted: ThreadName): Worker | undefined {
  const one = [...kept.waiting].find(({ name }) => name === wanted);
  one?.forget();
  one?.worker.off('error', one.forget).off('exit', one.forget).ref();
  return one?.worker;
}

/** A thread that runs one of the programs, with `R` as its result. Only the main thread starts any (`startBeside`). */
export class Thread<R> {
  /** Rejects with what the program threw, or when the thread, or one that it had started beside it, dies. */
  readonly result: Promise<R>;
  readonly gone: Promise<void>;
  readonly #worker: Worker;
  readonly #hooks: ThreadHooks;
  readonly #words: string;
  readonly #of: string | undefined;
  readonly #beside: Thread<unknown>[] = [];
  #hasReported = false;
  /** It is done, and the worker is no longer ours. */
  #isReleased = false;
  #reject!: (error: unknown) => void;

  constructor({ name, of, data, ends }: ThreadData, hooks: ThreadHooks = {}) {
    this.#hooks = hooks;
    this.#words = `the ${name} thread`;
    this.#of = of;
    logInfo(of, `${this.#words} begins`);
    const log = logLevel();
    const thread: ThreadData = { name, of, log, data, ends, stays: kept.wantedBy > 0 && canStay.has(name) };
    const waiting = takeKept(name);
    waiting?.postMessage(thread, portsOf(ends));
    const worker =
      waiting ??
      new Worker(program(), {
        eval: oneFile,
        workerData: thread,
        transferList: portsOf(ends),
        resourceLimits: { maxYoungGenerationSizeMb: nurseryMiB[name] },
      });
    this.#worker = worker;
    let left!: () => void;
    this.gone = new Promise((gone) => (left = gone));
    let resolve!: (result: R) => void;
    this.result = new Promise<R>((...settle) => ([resolve, this.#reject] = settle));
    // Who is not interested in the result may hear of a failure by way of a conveyor.
    this.result.catch(() => undefined);
    const failed = (error: Error): void => this.#die(threadFailed(name, error));
    const ended = (): void => {
      this.#die(new DepotError('internal', `the ${name} thread stopped before it had finished`));
      left();
    };
    const heard = (message: FromThread): void => {
      if (message.kind === 'done') resolve(message.result as R);
      this.#hear(message);
      if (message.kind !== 'done' || thread.stays !== true) return;
      this.#isReleased = true;
      worker.off('message', heard).off('error', failed).off('exit', ended);
      if (kept.wantedBy > 0) keep(name, worker);
      else void worker.terminate();
      left();
    };
    worker.on('message', heard).once('error', failed).once('exit', ended);
  }

  /** Asks it to stop, which it does where it waits in its event loop; `result` rejects then. */
  stop(): void {
    if (!this.#isReleased) this.#worker.postMessage('stop');
  }

  /** The process need not wait for it. */
  unref(): void {
    this.#worker.unref();
  }

  /** Ends it wherever it is. Resolves when it is gone, and those beside it. */
  async terminate(): Promise<void> {
    const own = this.#isReleased ? [] : [this.#worker.terminate()];
    await Promise.all([...own, ...this.#beside.map((thread) => thread.terminate())]);
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case 'said':
        this.#hooks.said?.(message.said);
        break;
      case 'log':
        relayLog(message.line);
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
        logInfo(this.#of, `${this.#words} is done`);
        break;
      case 'failed':
        this.#hasReported = true;
        logInfo(this.#of, `${this.#words} failed: ${message.error.code}`);
        this.#reject(errorFromRecord(message.error));
        break;
    }
  }

  #die(error: DepotError): void {
    if (this.#hasReported) return;
    logInfo(this.#of, `${this.#words} died`);
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

function portsOf({ from, to, list }: ThreadEnds) {
  return [from, to, list].flatMap((end) => (end === undefined ? [] : [end.port]));
}
