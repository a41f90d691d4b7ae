export type Chunk = Uint8Array<ArrayBuffer>;

/** Large enough that handing one over costs nothing next to filling it. */
const CHUNK_BYTES = 1 << 20;

/**
 * Cuts what is written into chunks. Writers are generators that yield the chunks as they get full, so that a small file
 * costs no promise and no turn of the event loop. A writer may also fill `buffer` from `used` on by itself, at most
 * `free` bytes, and call `advance`; when `free` is 0 it must yield `take()`.
 */
export class Chunks {
  buffer: Chunk = newBuffer(undefined);
  used = 0;
  readonly #spare: () => ArrayBuffer | undefined;

  /** `spare`: memory of an earlier chunk that is done with by now. */
  constructor(spare: () => ArrayBuffer | undefined = () => undefined) {
    this.#spare = spare;
  }

  get free(): number {
    return CHUNK_BYTES - this.used;
  }

  advance(length: number): void {
    this.used += length;
  }

  /** What is known to fit. */
  put(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  /** Zeros that are known to fit. */
  zero(length: number): void {
    if (length > 0) this.buffer.fill(0, this.used, this.used + length);
    this.used += length;
  }

  *write(bytes: Uint8Array): Generator<Chunk, void> {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + this.free);
      this.put(piece);
      at += piece.length;
      if (this.free === 0) yield this.take();
    }
  }

  *zeros(bytes: number): Generator<Chunk, void> {
    for (let left = bytes; left > 0; ) {
      const length = Math.min(left, this.free);
      this.zero(length);
      left -= length;
      if (this.free === 0) yield this.take();
    }
  }

  /** What was written since the last `take`. */
  take(): Chunk {
    const chunk = this.buffer.subarray(0, this.used);
    this.buffer = newBuffer(this.#spare());
    this.used = 0;
    return chunk;
  }
}

/** Not zeroed, and not a Buffer, whose `fill` and `subarray` cost several times as much for a small file. */
function newBuffer(spare: ArrayBuffer | undefined): Chunk {
  return new Uint8Array(spare ?? Buffer.allocUnsafeSlow(CHUNK_BYTES).buffer);
}
