import type { SealProgress } from '../seal/sealing.js';
import type { PushHooks } from './push-types.js';

/** Joins what the sealing thread and the transport each know of. */
export class PushProgress {
  readonly #hooks: PushHooks;
  readonly #sent: { acknowledged: number };
  readonly #seen: Omit<Parameters<PushHooks['progress']>[0], 'acknowledgedBytes'> = {
    entries: 0,
    datasetBytes: 0,
    sealedBytes: 0,
  };

  constructor(hooks: PushHooks, sent: { acknowledged: number }) {
    this.#hooks = hooks;
    this.#sent = sent;
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

  /** Takes how many bytes there are to read, once that is known; null when it cannot be. */
  expect(total: Promise<number | null>): void {
    void total.then((bytes) => {
      if (bytes !== null) this.#seen.totalBytes = bytes;
    });
  }

  tell(): void {
    this.#hooks.progress({ ...this.#seen, acknowledgedBytes: this.#sent.acknowledged });
  }
}
