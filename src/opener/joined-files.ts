import type { ByteString } from '../dataset/bytestring.js';
import { refused } from '../dataset/tar/refused.js';

/** Names of some twenty thousand sources of unknown length; depot.yaml has a few, and each has one file in parts. */
const MOST_OCTETS = 4 << 20;
const OCTETS_BESIDE = 64;

/** The files that the manifest says are stored in parts. They are all kept between two readings, so there is an end to them. */
export class JoinedFiles {
  readonly #paths = new Set<string>();
  #octets = 0;

  /** @throws DepotError 'archive-refused' */
  add(path: ByteString): void {
    if (this.#paths.has(path)) return;
    this.#octets += path.length + OCTETS_BESIDE;
    if (this.#octets > MOST_OCTETS) throw refused('the archive holds too many files in parts');
    this.#paths.add(path);
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }
}
