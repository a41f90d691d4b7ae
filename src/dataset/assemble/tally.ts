import type { DepotError } from '../../errors.js';
import type { NightEntry } from '../chain/line.js';
import { ListingDigest } from '../chain/listing-digest.js';
import type { NightManifest } from '../chain/night-manifest.js';
import { refused } from '../tar/format.js';

export interface NightLimits {
  /** More bytes in the night's files are refused, or what `tooLarge` says is thrown. */
  maxBytes?: number | undefined;
  tooLarge?: (() => DepotError) | undefined;
  maxEntries?: number | undefined;
  tooMany?: (() => DepotError) | undefined;
}

/** A whole night, as its manifests together say it. */
export interface CountedNight {
  entries: number;
  bytes: number;
  /** Nothing of it changed or vanished while it was read, in this night or, where it stayed, in an earlier one. */
  complete: boolean;
  /** As the receipt of the deposit has it in `chain`. */
  datasetSha256: string;
}

/** Counts a whole night, within limits, and makes its digest. */
export class Tally {
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
    if (this.#digest.bytes + size > (maxBytes ?? Infinity))
      throw tooLarge?.() ?? refused(`the chain unfolds to more than ${maxBytes ?? 0} bytes`);
    if (this.#digest.entries + 1 > (maxEntries ?? Infinity))
      throw tooMany?.() ?? refused(`the chain holds more than ${maxEntries ?? 0} entries`);
    this.#digest.add({ ...entry, sha256: sha256 === null ? null : Buffer.from(sha256, 'hex') }, changed, linkTarget);
  }

  /** After the last entry; `newest` was read to its end. */
  night(newest: Pick<NightManifest, 'end'>): CountedNight {
    const { entries, bytes, complete } = this.#digest;
    return { entries, bytes, complete: complete && newest.end!.complete, datasetSha256: this.#digest.hex() };
  }
}
