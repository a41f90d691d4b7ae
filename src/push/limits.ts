import { type Bandwidth, rateAt } from '../bandwidth.js';
import type { Arrangement } from '../config/types.js';
import { Throttle } from '../sftp/throttle.js';
import { serverOf } from './logins.js';

/** What holds for one server: every limit that an arrangement of this run has for it, of which the lowest counts. */
interface ServerLimit {
  limits: readonly Bandwidth[];
  throttle: Throttle;
}

/** The bandwidth limits of a run: one for each server, whatever the arrangements, jobs and connections. */
export class BandwidthLimits {
  readonly #servers = new Map<string, ServerLimit>();

  /** `instead`: takes the place of what depot.yaml says, at every server. */
  constructor(arrangements: readonly Pick<Arrangement, 'remote'>[], instead?: Bandwidth) {
    for (const server of new Set(arrangements.map(({ remote }) => serverOf(remote)))) {
      const stated = arrangements.flatMap(({ remote }) =>
        serverOf(remote) === server && remote.bandwidthLimit !== undefined ? [remote.bandwidthLimit] : [],
      );
      const limits = instead === undefined ? [...new Set(stated)] : [instead];
      if (limits.some(isLimit))
        this.#servers.set(server, { limits, throttle: new Throttle(() => rateAt(limits, new Date())) });
    }
  }

  /** Undefined where nothing is limited, at any time. */
  at(remote: Arrangement['remote']): ServerLimit | undefined {
    return this.#servers.get(serverOf(remote));
  }
}

function isLimit({ spans, otherwise }: Bandwidth): boolean {
  return otherwise !== Infinity || spans.some(({ rate }) => rate !== Infinity);
}
