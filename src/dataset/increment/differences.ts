import { DIGEST, type BlockCutter } from './blocks.js';
import type { KnownBlock, LastNight } from './last-night.js';
import { BLOCK_BYTES, OBJECT_BYTES, RANGE_BYTES, type IndexWriter, type Range } from './records.js';
import { FRAME } from './frames.js';

/** Takes what last night does not have, and says where it will lie. The bytes are valid during the call only. */
export type Store = (bytes: Buffer) => Range;

/**
 * Where each byte of a large content lies: in objects of earlier nights, found by the digests of its blocks, or in what
 * is stored tonight. Writes the content's pages into tonight's index. One content at a time.
 */
export class Differences {
  readonly #cutter: BlockCutter;
  readonly #index: IndexWriter;
  readonly #last: LastNight | null;
  #store!: Store;
  #take!: (range: Range) => void;
  #found: KnownBlock | null = null;

  #position = 0;
  #lengths: number[] = [];
  readonly #digests = Buffer.alloc(Math.floor(FRAME / BLOCK_BYTES) * DIGEST);
  #ranges: Range[] = [];
  #objects = new Set<string>();
  #room = 0;
  #length = 0;

  constructor(cutter: BlockCutter, index: IndexWriter, last: LastNight | null) {
    this.#cutter = cutter;
    this.#index = index;
    this.#last = last;
  }

  /** `take` gets the ranges of the content in order; `near`: the frame of last night's index where the like of it begins. */
  begin(near: number | null, store: Store, take: (range: Range) => void): void {
    this.#store = store;
    this.#take = take;
    this.#found = null;
    this.#position = 0;
    if (near !== null) this.#last?.near(near);
  }

  /** Where the next bytes go: 1 MiB or more. */
  room(): Buffer {
    return this.#cutter.room();
  }

  /** That many bytes were put there. */
  added(length: number): void {
    this.#cutter.added(length, this.#block);
  }

  end(): void {
    this.#cutter.end(this.#block);
    this.#flush();
  }

  readonly #block = (bytes: Buffer, digest: Buffer): void => {
    const isFirst = this.#position + this.#length === 0;
    const found = this.#last?.block(digest, this.#found) ?? (isFirst ? this.#last?.start(digest) : null) ?? null;
    const ranges = found === null ? [this.#store(bytes)] : found.frame.rangesOf(found.number);
    // What comes after something new is most often what came after the last that was known.
    if (found !== null) this.#found = found;
    if (this.#lengths.length > 0 && this.#roomFor(ranges) > this.#room) this.#flush();
    if (this.#lengths.length === 0) this.#room = this.#index.roomInPage;
    this.#room -= BLOCK_BYTES;
    digest.copy(this.#digests, this.#lengths.length * DIGEST, 0, DIGEST);
    this.#lengths.push(bytes.length);
    this.#length += bytes.length;
    for (const range of ranges) {
      this.#add(range);
      this.#take(range);
    }
  };

  #roomFor(ranges: readonly Range[]): number {
    return BLOCK_BYTES + ranges.reduce((sum, range) => sum + this.#roomForRange(range), 0);
  }

  #roomForRange({ night, object }: Range): number {
    return RANGE_BYTES + (this.#objects.has(`${night} ${object}`) ? 0 : OBJECT_BYTES + object.length);
  }

  #add(range: Range): void {
    const last = this.#ranges.at(-1);
    if (last !== undefined && follows(last, range)) {
      last.length += range.length;
      return;
    }
    this.#room -= this.#roomForRange(range);
    this.#objects.add(`${range.night} ${range.object}`);
    this.#ranges.push({ ...range });
  }

  #flush(): void {
    const blocks = this.#lengths.length;
    if (blocks === 0) return;
    this.#index.page({
      position: this.#position,
      lengths: Uint16Array.from(this.#lengths),
      digests: this.#digests.subarray(0, blocks * DIGEST),
      ranges: this.#ranges,
    });
    this.#position += this.#length;
    this.#lengths = [];
    this.#length = 0;
    this.#ranges = [];
    this.#objects = new Set();
  }
}

/** Whether the second range begins where the first ends. */
export function follows(first: Range, second: Range): boolean {
  return (
    first.night === second.night && first.offset + first.length === second.offset && first.object === second.object
  );
}
