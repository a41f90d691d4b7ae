import type { DepotError } from '../errors.js';

/** What only the link knows. */
interface Judge {
  /** Milliseconds that a connection which was just made is still to have; Infinity while one is being made, after which `check` is called. */
  holdOff(): number;
  error(): DepotError;
}

/**
 * The clock of `retryFor`: it runs while anything waits for the server, and starts again when an answer acknowledges
 * bytes or completes a step. Connecting or opening again is no progress. Time in which nothing waits (a silent source)
 * does not count.
 */
export class Patience {
  readonly #waiting = new Set<(error: DepotError) => void>();
  #since = 0;
  /** Quiet time of those who waited before, since the last progress. */
  #before = 0;
  #timer: NodeJS.Timeout | undefined;
  /** How many have us wait, and not the server. */
  #pauses = 0;

  constructor(
    private readonly limitMs: number,
    private readonly judge: Judge,
  ) {}

  /** Somebody waits from now on, until the function that this returns is called. `expired` is called at most once. */
  begin(expired: (error: DepotError) => void): () => void {
    const entry = (error: DepotError): void => expired(error);
    if (this.#waiting.size === 0) this.#since = performance.now();
    this.#waiting.add(entry);
    if (this.#timer === undefined) this.check();
    return () => {
      if (!this.#waiting.delete(entry) || this.#waiting.size > 0) return;
      if (this.#pauses === 0) this.#before += performance.now() - this.#since;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  progressed(): void {
    this.#before = 0;
    this.#since = performance.now();
  }

  /** For how long there was no progress while somebody waited. */
  get quietMs(): number {
    return this.#before + (this.#waiting.size === 0 || this.#pauses > 0 ? 0 : performance.now() - this.#since);
  }

  /** From now on it is not the server that is waited for, until the function that this returns is called. */
  pause(): () => void {
    this.#before = this.quietMs;
    this.#pauses++;
    return () => {
      if (--this.#pauses > 0) return;
      this.#since = performance.now();
      this.check();
    };
  }

  /** Ends the waiting when it has been too long, and otherwise looks again when that could be. */
  check(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.size === 0 || this.#pauses > 0) return;
    const leftMs = Math.max(this.limitMs - this.quietMs, this.judge.holdOff());
    if (leftMs === Infinity) return;
    if (leftMs > 0) {
      this.#timer = setTimeout(() => this.check(), Math.ceil(leftMs));
      return;
    }
    this.expire();
  }

  /** Ends the waiting of everybody, with the error that this returns. */
  expire(): DepotError {
    const error = this.judge.error();
    const everyone = [...this.#waiting];
    this.#waiting.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Who tidies up afterwards has limits of its own.
    this.#before = 0;
    for (const expired of everyone) expired(error);
    return error;
  }
}
