import { createHash } from 'node:crypto';
import { fromText, type ByteString } from '../bytestring.js';
import { type NightEntry } from '../chain/line.js';
import { mergeNights } from '../chain/merge.js';
import { NightManifest } from '../chain/night-manifest.js';
import { SourceOrder } from '../chain/order.js';
import type { KeptNight, KeptObject } from './kept-night.js';
import { LinkCheck } from './link-check.js';
import { RangeBounds, RangesReader, wholeObject, type Range } from './ranges.js';
import { type CountedNight, type NightLimits, Tally } from './tally.js';

const BUFFER_BYTES = 1 << 20;

export interface KeptChain extends NightLimits {
  /** The full deposit first, each compared with its own manifest before. */
  nights: readonly KeptNight[];
  /** Of `chain.json`. */
  sources: readonly string[];
}

/**
 * As `assemble`, for who wants to know and not to have: every file of the last night that consists of pieces of others is
 * put together in memory, a megabyte at a time, and compared with its digest. Writes nothing.
 *
 * @throws DepotError 'archive-refused', and what the limits say
 */
export function checkNight({ nights, sources, ...limits }: KeptChain): CountedNight {
  const order = new SourceOrder(sources.map(fromText));
  const read = (): NightManifest[] => nights.map(({ manifest }, night) => new NightManifest(manifest, night, order));
  const manifests = read();
  const newest = manifests.at(-1)!;
  const tally = new Tally(newest.random, limits);
  const files = new FileCheck(nights, order);
  const links = new LinkCheck();
  for (const fate of mergeNights(manifests)) {
    const { path, final } = fate;
    if (final === null) continue;
    links.note(fate);
    tally.add(final);
    files.check(path, final);
  }
  links.check(() => mergeNights(read()));
  return tally.night(newest);
}

class FileCheck {
  readonly #nights: readonly KeptNight[];
  readonly #order: SourceOrder;
  /** Each goes on where it is: a night's files come in the order of its ranges. */
  readonly #readers = new Map<number, RangesReader>();
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  /** Of the file that is checked. */
  readonly #objects = new Map<string, KeptObject>();

  constructor(nights: readonly KeptNight[], order: SourceOrder) {
    this.#nights = nights;
    this.#order = order;
  }

  check(path: ByteString, entry: NightEntry & { night: number }): void {
    const { origin, size } = entry;
    if (origin.kind === 'ranges') this.#compare(path, entry, this.#reader(entry.night).of(origin.number));
    else if (origin.kind === 'object') {
      const { night, object } = origin;
      this.#compare(path, entry, wholeObject({ night, object, size }, this.#object(night, object).size));
    }
    this.#objects.clear();
  }

  #compare(path: ByteString, { size, sha256 }: Pick<NightEntry, 'size' | 'sha256'>, ranges: Iterable<Range>): void {
    const hash = createHash('sha256');
    const bounds = new RangeBounds(path, size);
    let used = 0;
    for (const range of ranges) {
      const { night, object, position, length } = range;
      const from = this.#object(night, object);
      bounds.take(range, from.size);
      for (let at = 0; at < length; ) {
        const room = this.#buffer.subarray(used, used + length - at);
        const read = from.stream.read(room, from.position + position + at);
        at += read;
        used += read;
        if (used < BUFFER_BYTES) continue;
        hash.update(this.#buffer);
        used = 0;
      }
    }
    bounds.end(hash.update(this.#buffer.subarray(0, used)).digest('hex'), sha256);
  }

  #reader(night: number): RangesReader {
    let reader = this.#readers.get(night);
    if (reader === undefined) this.#readers.set(night, (reader = new RangesReader(this.#nights[night]!.ranges, night)));
    return reader;
  }

  #object(night: number, path: ByteString): KeptObject {
    const key = `${night} ${path}`;
    let object = this.#objects.get(key);
    if (object === undefined) this.#objects.set(key, (object = this.#nights[night]!.object(path, this.#order, night)));
    return object;
  }
}
