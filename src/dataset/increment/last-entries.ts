import { type ByteString, fromText } from '../bytestring.js';
import type { FrameReader } from './frames.js';
import { ENTRY, entryOf, type IndexEntry, PAGE, RecordReader } from './records.js';
import { compareWalk, type Placed, SourceOrder } from '../chain/order.js';

/** The entries of last night, met in the order of the walk by those of tonight. */
export class LastEntries {
  readonly #records: RecordReader;
  readonly #order: SourceOrder;
  /** The next that was not met yet; its pages come next in `#records`. */
  #next: IndexEntry | null = null;

  constructor(frames: FrameReader, sources: readonly string[]) {
    this.#records = new RecordReader(frames);
    this.#order = new SourceOrder(sources.map(fromText));
    this.#advance();
  }

  /** The next that comes before `path`: it is gone. Null when there is none, and `is` says whether `path` is next. */
  before(path: ByteString): IndexEntry | null {
    const next = this.#next;
    if (next === null || next.path === path || compareWalk(this.#placed(next.path), this.#placed(path)) > 0)
      return null;
    this.#advance();
    return next;
  }

  /** The next that is left below a directory that was walked to its end: it is gone. */
  leftBelow(directory: ByteString): IndexEntry | null {
    return this.#next?.path.startsWith(`${directory}/`) === true ? this.left() : null;
  }

  /** The next, whatever it is. */
  left(): IndexEntry | null {
    const next = this.#next;
    if (next !== null) this.#advance();
    return next;
  }

  /** The entry of this path, if that is the next. `met` or `pages` goes on. */
  is(path: ByteString): IndexEntry | null {
    return this.#next?.path === path ? this.#next : null;
  }

  /** Done with the entry that `is` returned. */
  met(): void {
    this.#advance();
  }

  /** The frame in which the pages of the entry that `is` returned begin, or the one before that. */
  get pagesFrom(): number {
    return this.#records.frameNumber;
  }

  /** The pages of the entry that `is` returned, as they stand; then done with it. */
  *pages(): Generator<Buffer, void> {
    while (this.#records.next()) {
      if (this.#records.kind !== PAGE) {
        this.#take();
        return;
      }
      yield this.#records.record;
    }
    this.#next = null;
  }

  #placed(path: ByteString): Placed {
    // Both nights have the same sources, or there would be no increment.
    return { path, place: this.#order.place(path)! };
  }

  #advance(): void {
    while (this.#records.next()) {
      if (this.#records.kind !== ENTRY) continue;
      this.#take();
      return;
    }
    this.#next = null;
  }

  #take(): void {
    const records = this.#records;
    this.#next = records.kind === ENTRY ? entryOf(records.record, records.path()) : null;
  }
}
