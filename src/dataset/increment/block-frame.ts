import { DIGEST } from './blocks.js';
import type { FrameReader } from './frames.js';
import { type Page, PAGE, pageOf, type Range, RecordReader } from './records.js';

/** A power of two, and twice as many as there can be blocks in a frame. */
const SLOTS = 8192;

/** The blocks of the pages of one frame of an index. */
export class BlockFrame {
  readonly number: number;
  readonly count: number;
  readonly #digests: Buffer;
  /** Block + 1, by its digest; the first of those that are alike. */
  readonly #slots = new Uint16Array(SLOTS);
  readonly #ranges: Range[] = [];
  /** Of each block: its length, the range in which it begins, and how far behind the beginning of that. */
  readonly #lengths: Uint16Array;
  readonly #range: Uint32Array;
  readonly #within: Float64Array;

  /** @throws UnusableIndex */
  constructor(frames: FrameReader, number: number) {
    this.number = number;
    const pages: Page[] = [];
    const records = new RecordReader(frames, number, number + 1);
    while (records.next()) if (records.kind === PAGE) pages.push(pageOf(records.record));
    this.count = pages.reduce((sum, { lengths }) => sum + lengths.length, 0);
    this.#digests = Buffer.concat(pages.map(({ digests }) => digests));
    this.#lengths = new Uint16Array(this.count);
    this.#range = new Uint32Array(this.count);
    this.#within = new Float64Array(this.count);
    let block = 0;
    for (const page of pages) block = this.#addPage(page, block);
    for (block = 0; block < this.count; block++) {
      const slot = this.#slot(this.#digests.subarray(block * DIGEST, (block + 1) * DIGEST));
      if (this.#slots[slot] === 0) this.#slots[slot] = block + 1;
    }
  }

  #addPage({ lengths, ranges }: Page, first: number): number {
    let range = this.#ranges.length;
    this.#ranges.push(...ranges);
    let within = 0;
    let block = first;
    for (const length of lengths) {
      for (; within >= (this.#ranges[range]?.length ?? Infinity); range++) within -= this.#ranges[range]!.length;
      this.#lengths[block] = length;
      this.#range[block] = range;
      this.#within[block] = within;
      within += length;
      block++;
    }
    return block;
  }

  is(block: number, digest: Uint8Array): boolean {
    return this.#digests.compare(digest, 0, DIGEST, block * DIGEST, (block + 1) * DIGEST) === 0;
  }

  find(digest: Buffer): number | null {
    const block = this.#slots[this.#slot(digest)]! - 1;
    return block < 0 ? null : block;
  }

  /** That of this digest, or the free one where it would go. */
  #slot(digest: Buffer): number {
    // Not the bytes that tell anchors: those of a frame's anchors are alike.
    for (let slot = digest.readUInt32LE(4) % SLOTS; ; slot = (slot + 1) % SLOTS) {
      const block = this.#slots[slot]! - 1;
      if (block < 0 || this.is(block, digest)) return slot;
    }
  }

  /** Where a block's bytes lie. */
  rangesOf(block: number): Range[] {
    const found: Range[] = [];
    let within = this.#within[block]!;
    let left = this.#lengths[block]!;
    for (let i = this.#range[block]!; left > 0; i++) {
      const { night, object, offset, length } = this.#ranges[i]!;
      const taken = Math.min(left, length - within);
      found.push({ night, object, offset: offset + within, length: taken });
      within = 0;
      left -= taken;
    }
    return found;
  }
}
