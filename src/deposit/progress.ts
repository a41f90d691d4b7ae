import type { SealProgress } from '../seal/messages.js';
import type { Agent } from './agent.js';
import type { PushHooks } from './push-types.js';

/** Joins what the sealing thread and the transport each know of. */
export class PushProgress {
  readonly #hooks: PushHooks;
  readonly #agent: Agent;
  readonly #seen = { entries: 0, datasetBytes: 0, sealedBytes: 0 };

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

  tell(): void {
    this.#hooks.progress({ ...this.#seen, acknowledgedBytes: this.#agent.stats.acknowledged });
  }
}
