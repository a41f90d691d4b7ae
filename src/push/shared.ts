import { copyOf } from '../errors.js';
import type { SecretKey } from '../pgp/certificate.js';
import { Connections } from '../sftp/connections.js';
import { BandwidthLimits } from './limits.js';

/** The supplier's signing key, unlocked. */
export interface Signer {
  signer: SecretKey;
  warnings: string[];
  /** Those of `warnings` that somebody must act on. */
  urgent: string[];
}

/** What the pushes of one run share, so that a hundred arrangements log in once and ask for one passphrase. */
export class SharedByPushes {
  readonly connections = new Connections();
  readonly bandwidth: BandwidthLimits;
  #signer: Promise<Signer> | null = null;

  constructor(bandwidth = new BandwidthLimits([])) {
    this.bandwidth = bandwidth;
  }

  /** What `read` gave or threw the first time. */
  async signer(read: () => Promise<Signer>): Promise<Signer> {
    try {
      return await (this.#signer ??= read());
    } catch (error) {
      throw copyOf(error);
    }
  }

  async close(): Promise<void> {
    await this.connections.close();
  }
}

/** Does `work`, which must not throw, for each item, `jobs` at a time; answers in the order of the items. */
export async function inJobs<T, R>(items: readonly T[], jobs: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  const left = items.entries();
  const worker = async (): Promise<void> => {
    // One iterator for all of them: each takes what is next.
    for (const [i, item] of left) answers[i] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, worker));
  return answers;
}
