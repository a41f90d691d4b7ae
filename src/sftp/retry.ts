import { setTimeout as sleep } from 'node:timers/promises';

/** Delays between attempts: from a quarter of a second, doubling to 30 s, each drawn from its upper half. */
export class Backoff {
  #next = 250;

  /** Waits, but not past `deadline` (performance.now() clock); rejects with the signal's reason. */
  async wait(deadline: number, signal: AbortSignal): Promise<void> {
    const ms = Math.min(this.#next * (0.5 + Math.random() / 2), Math.max(0, deadline - performance.now()));
    this.#next = Math.min(this.#next * 2, 30_000);
    try {
      await sleep(ms, undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }
}

/** `30 min`, `10 s`: for messages. */
export function duration(ms: number): string {
  if (ms >= 120_000 && ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms >= 1000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms)} ms`;
}

/** The time of one stage of a connection. It stands still while depot itself looks for a secret, or a person types one. */
export class StageTimer {
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    private readonly ms: number,
    private readonly expired: () => void,
  ) {}

  /** From the beginning. */
  start(): void {
    this.pause();
    if (!this.#over) this.#timer = setTimeout(this.expired, this.ms);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  stop(): void {
    this.#over = true;
    this.pause();
  }
}
