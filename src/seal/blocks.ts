import type { Feeder } from '../conveyor.js';
import { DepotError } from '../errors.js';
import { discard } from '../primitives.js';

/** Bytes of a block: large enough that a hand-over costs nothing, small enough that a few in flight fit in memory. */
export const BLOCK_BYTES = 1 << 20;

/**
 * Blocks that exist at once, whatever the lanes: the sealing thread fills some while the upload holds the others until
 * the server has acknowledged them. Eight lanes of one 2 MiB SSH window each keep 16 MiB in flight.
 */
export const BLOCK_COUNT = 24;

/** Gathers the encryptor's output into blocks: the last stage before the transport. */
export class BlockWriter {
  readonly #to: Feeder;
  readonly #pieces: Uint8Array[] = [];
  #block: Uint8Array<ArrayBuffer> | null = null;
  #filled = 0;
  #bytes = 0;
  #pushed = 0;

  constructor(to: Feeder) {
    this.#to = to;
  }

  /** Queues bytes, which become this writer's own; `flush` moves them. The encryptor calls this synchronously. */
  readonly push = (bytes: Uint8Array): void => {
    this.#pushed += bytes.length;
    this.#pieces.push(bytes);
  };

  /** Moves what was queued into blocks and hands over the full ones; waits until the other end takes them. */
  async flush(): Promise<void> {
    for (const piece of this.#pieces) {
      for (let at = 0; at < piece.length; ) {
        this.#block ??= await this.#next();
        const part = piece.subarray(at, at + this.#block.length - this.#filled);
        this.#block.set(part, this.#filled);
        this.#filled += part.length;
        at += part.length;
        if (this.#filled === this.#block.length) this.#handOver();
      }
      // Pieces come in order: with the last byte of its memory, all of it was copied.
      if (piece.byteOffset + piece.byteLength === piece.buffer.byteLength) discard(piece);
    }
    this.#pieces.length = 0;
  }

  /** Hands over the last, partly filled block; returns the bytes of all blocks. */
  async end(): Promise<number> {
    await this.flush();
    if (this.#filled > 0) this.#handOver();
    if (this.#bytes !== this.#pushed)
      throw new DepotError('internal', `${this.#pushed} bytes were sealed, and ${this.#bytes} came to blocks`);
    return this.#bytes;
  }

  async #next(): Promise<Uint8Array<ArrayBuffer>> {
    await this.#to.ready();
    return new Uint8Array(this.#to.memory());
  }

  #handOver(): void {
    const block = this.#block!;
    this.#bytes += this.#filled;
    this.#to.pass(block.subarray(0, this.#filled));
    this.#block = null;
    this.#filled = 0;
  }
}
