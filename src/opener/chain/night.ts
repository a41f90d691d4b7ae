/** The dataset of one night, as the manifests of its chain say it together. */
import type { CountedNight } from '../../dataset/assemble/tally.js';
import { fromText, toBytes } from '../../dataset/bytestring.js';
import { ListingDigest } from '../../dataset/chain/listing-digest.js';
import { mergeNights, type Fate } from '../../dataset/chain/merge.js';
import { NightManifest } from '../../dataset/chain/night-manifest.js';
import { SourceOrder } from '../../dataset/chain/order.js';
import { limitError, type Consumer } from '../../open/consumer.js';
import type { Limit } from '../../open/opening.js';
import { printable } from '../../printable.js';
import { fromBase16 } from '../../receipt/proof.js';
import type { JoinedFiles } from '../folder.js';
import { ListedRows } from '../listing.js';
import type { OwnFiles } from './own-files.js';

/** A suitcase of the chain that was opened once to its end. */
export interface OpenedSuitcase {
  own: OwnFiles;
  /** Files of the dataset that it stores in parts. */
  joined: JoinedFiles;
  /** Opens it again, to its end, and gives the contents to the consumer. */
  read(consumer: Consumer): Promise<void>;
}

export type FinalEntry = NonNullable<Fate['final']> & { path: Fate['path'] };

export interface Surveyed extends CountedNight {
  rows: ListedRows;
}

export class Night {
  readonly #sources: readonly string[];

  /** The full deposit's first; `sources` as chain.json has them. */
  constructor(
    readonly suitcases: readonly OpenedSuitcase[],
    sources: readonly string[],
  ) {
    this.#sources = sources;
  }

  /** What there is, in the order of the walk; what was removed is not. @throws DepotError 'archive-refused' */
  *entries(): Generator<FinalEntry, void> {
    for (const { path, final } of mergeNights(this.#manifests()))
      if (final !== null) yield Object.assign(final, { path });
  }

  /** @throws DepotError 'archive-refused', also where there is more than `most` */
  survey(most: Limit | null): Surveyed {
    const manifests = this.#manifests();
    const newest = manifests.at(-1)!;
    const digest = new ListingDigest(fromBase16(newest.random));
    const rows = new ListedRows();
    let index = 0;
    for (const { path, final } of mergeNights(manifests)) {
      if (final === null) continue;
      const { type, size, sha256, changed, linkTarget } = final;
      digest.add({ ...final, sha256: sha256 === null ? null : fromBase16(sha256) }, changed, linkTarget);
      // A small suitcase may claim a petabyte.
      if (most !== null && digest.bytes > most.most) throw limitError(most);
      rows.add({
        index: index++,
        parts: 1,
        path: printable(toBytes(path)),
        type,
        size,
        target: linkTarget === null ? null : printable(toBytes(linkTarget)),
      });
    }
    const { entries, bytes } = digest;
    const complete = digest.complete && newest.end!.complete;
    return { entries, bytes, complete, datasetSha256: digest.hex(), rows };
  }

  #manifests(): NightManifest[] {
    const order = new SourceOrder(this.#sources.map(fromText));
    return this.suitcases.map(({ own }, night) => new NightManifest(own.manifest.stored(), night, order));
  }
}
