import type { DepotError } from '../../errors.js';
import type { NightEntry } from '../chain/line.js';
import { ListingDigest } from '../chain/listing-digest.js';
import { refused } from '../tar/format.js';

export interface NightLimits {
  /** More bytes in the night's files are refused, or what `tooLarge` says is thrown. */
  maxBytes?: number | undefined;
  tooLarge?: (() => DepotError) | undefined;
  maxEntries?: number | undefined;
  tooMany?: (() => DepotError) | undefined;
}

/** Counts a whole night, within limits, and makes its digest. */
export class Tally {
  entries = 0;
  bytes = 0;
  /** Files that changed while they were read. */
  changed = 0;
  readonly #limits: NightLimits;
  readonly #digest: ListingDigest;

  /** `random`: of the newest manifest, in hex. */
  constructor(random: string, limits: NightLimits) {
    this.#limits = limits;
    this.#digest = new ListingDigest(Buffer.from(random, 'hex'));
  }

  /** @throws what the limits say */
  add(entry: NightEntry): void {
    const { maxBytes, tooLarge, maxEntries, tooMany } = this.#limits;
    const { size, sha256, changed, linkTarget } = entry;
    this.entries++;
    this.bytes += size;
    if (changed) this.changed++;
    if (this.bytes > (maxBytes ?? Infinity))
      throw tooLarge?.() ?? refused(`the chain unfolds to more than ${maxBytes ?? 0} bytes`);
    if (this.entries > (maxEntries ?? Infinity))
      throw tooMany?.() ?? refused(`the chain holds more than ${maxEntries ?? 0} entries`);
    this.#digest.add({ ...entry, sha256: sha256 === null ? null : Buffer.from(sha256, 'hex') }, changed, linkTarget);
  }

  /** As the receipt has it in `chain`; nothing may follow. */
  datasetSha256(): string {
    return this.#digest.hex();
  }
}
