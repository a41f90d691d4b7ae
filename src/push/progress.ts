import type { SealProgress } from '../seal/sealing.js';
import type { Amounts } from '../amounts.js';
import type { PushHooks } from './push-types.js';

/** How often it is told how far things are, also when nothing moves: who waits for the server wants to see that. */
const tellMs = 500;

/** Joins what the sealing thread and the transport each know of. */
export class PushProgress {
  readonly #hooks: PushHooks;
  readonly #sent: { acknowledged: number } | null;
  /** What the transport had sent before this suitcase, less what the server had of it already. */
  readonly #before: number;
  readonly #seen: Omit<Amounts, 'acknowledgedBytes'> = { entries: 0, datasetBytes: 0, sealedBytes: 0 };
  readonly #timer: NodeJS.Timeout;

  /** `sent`: bytes that were acknowledged, of everything; null where nothing is uploaded. `from`: what an earlier run had sent. */
  constructor(hooks: PushHooks, sent: { acknowledged: number } | null, from = 0) {
    this.#hooks = hooks;
    this.#sent = sent;
    this.#before = (sent?.acknowledged ?? 0) - from;
    this.#timer = setInterval(() => this.tell(), tellMs).unref();
  }

  dataset({ entries, bytes }: SealProgress): void {
    Object.assign(this.#seen, { entries, datasetBytes: bytes });
    this.tell();
  }

  sealed(bytes: number): void {
    this.#seen.sealedBytes += bytes;
    this.tell();
  }

  /** Everything is sealed, and this is what is to be sent. */
  suitcase(bytes: number): void {
    Object.assign(this.#seen, { sealedBytes: bytes, suitcaseBytes: bytes });
    this.tell();
  }

  /** Takes what can be known before anything is read, once that is known. */
  expect(known: Promise<Pick<Amounts, 'totalBytes' | 'last'>>): void {
    known.then(
      (found) => Object.assign(this.#seen, found),
      // Whatever is wrong with it is for the reading to say.
      () => undefined,
    );
  }

  tell(): void {
    const acknowledgedBytes = this.#sent === null ? null : this.#sent.acknowledged - this.#before;
    this.#hooks.progress({ ...this.#seen, acknowledgedBytes });
  }

  /** Nothing more is told. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
