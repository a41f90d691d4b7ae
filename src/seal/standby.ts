import { Worker } from 'node:worker_threads';

/** So long a thread is kept for nothing: waiting for a VPN, or sending what an earlier run sealed, may take hours. */
const patienceMs = 60_000;

/**
 * A sealing thread that is started before there is anything to seal: it loads its program, and so does its packing thread, while depot
 * connects and logs in. It opens no source and has no key before `startSealing` takes it. One that was not taken after a while is
 * ended, and none of them keeps the process from ending.
 */
export class Standby {
  #thread: Worker | null = startThread();
  readonly #patience = setTimeout(() => void this.end(), patienceMs).unref();

  constructor() {
    const lost = (): void => void (this.#thread = null);
    this.#thread!.unref();
    // If it breaks now, so will the one that `take` starts, in front of somebody who can say so.
    this.#thread!.once('error', lost).once('exit', lost);
  }

  /** The thread that waits, once; one that is just starting where it was taken, ended or lost. */
  take(): Worker {
    const thread = this.#thread ?? startThread();
    this.#thread = null;
    clearTimeout(this.#patience);
    thread.ref();
    return thread;
  }

  /** Resolves when the thread is gone, unless it was taken. */
  async end(): Promise<void> {
    clearTimeout(this.#patience);
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
  }
}

/** From source (tsx, vitest) the thread is TypeScript and needs the loader; built, it is plain JavaScript. */
export function startThread(): Worker {
  const fromSource = import.meta.url.endsWith('.ts');
  const entry = new URL(fromSource ? './thread.ts' : './thread.js', import.meta.url);
  // A small nursery is emptied often: what waits in it are handles on buffers, a thousand times larger than they look.
  const resourceLimits = { maxYoungGenerationSizeMb: 2 };
  return new Worker(entry, { resourceLimits, ...(fromSource && { execArgv: ['--import', 'tsx'] }) });
}
