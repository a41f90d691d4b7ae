import type { SealProgress } from '../seal/sealing.js';
import type { Agent } from './agent.js';
import type { PushHooks } from './push-types.js';

/** Joins what the sealing thread and the transport each know of. */
export class PushProgress {
  readonly #hooks: PushHooks;
  readonly #agent: Agent;
  readonly #seen: {
    entries: number;
    datasetBytes: number;
    sealedBytes: number;
    totalBytes?: number;
    suitcaseBytes?: number;
  } = { entries: 0, datasetBytes: 0, sealedBytes: 0 };

  constructor(hooks: PushHooks, agent: Agent) {
    this.#hooks = hooks;
    this.#agent = agent;
  }

  dataset({ entries, bytes }: SealProgress): void {
    Object.assign(this.#seen, { entries, datasetBytes: bytes });
    this.tell();
  }

  sealed(octets: number): void {
    this.#seen.sealedBytes += octets;
    this.tell();
  }

  /** Everything is sealed, and this is what is to be sent. */
  suitcase(octets: number): void {
    Object.assign(this.#seen, { sealedBytes: octets, suitcaseBytes: octets });
    this.tell();
  }

  /** Takes the octets that there are to read once they are known; null when they cannot be. */
  expect(total: Promise<number | null>): void {
    void total.then((octets) => {
      if (octets !== null) this.#seen.totalBytes = octets;
    });
  }

  tell(): void {
    this.#hooks.progress({ ...this.#seen, acknowledgedBytes: this.#agent.stats.acknowledged });
  }
}
