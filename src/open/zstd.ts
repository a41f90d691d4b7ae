import { Decompress } from 'fzstd';
import { broken, notDecompressed } from './content-format.js';
import { ZstdFrames } from './zstd-frames.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** The input is cut small because four octets can stand for 128 KiB, and all that a slice stands for comes out before the next. */
const SLICE_OCTETS = 512;

/**
 * zstd in JavaScript, where the runtime has none: Node before 22.15, and browsers.
 *
 * @throws DepotError 'archive-refused' where the data is broken or cut off, asks for too much memory, or is cut into pieces that hold nothing
 */
export class ZstdDecoder {
  #output: Bytes[] = [];
  #octets = 0;
  readonly #frames = new ZstdFrames();
  readonly #decoder = new Decompress((bytes) => {
    this.#octets += bytes.length;
    this.#output.push(bytes as Bytes);
  });

  /** What came out must be used before the next is asked for. */
  *push(chunk: Bytes): Generator<Bytes> {
    for (let at = 0; at < chunk.length; at += SLICE_OCTETS) {
      this.#frames.see(chunk.subarray(at, at + SLICE_OCTETS));
      this.#decode(chunk.subarray(at, at + SLICE_OCTETS), false);
      if (this.#frames.isCutTooSmall(this.#octets))
        throw broken('zstd', new Error('it is cut into frames or blocks with next to nothing in them'));
      yield* this.#taken();
    }
  }

  *end(): Generator<Bytes> {
    this.#decode(new Uint8Array(0), true);
    yield* this.#taken();
  }

  #decode(slice: Uint8Array, last: boolean): void {
    try {
      this.#decoder.push(slice, last);
    } catch (error) {
      // Nothing but the data is a reason for the decoder to throw, whatever it throws, unless memory is short.
      throw error instanceof RangeError && /allocat|memory/i.test(error.message)
        ? notDecompressed('zstd', error)
        : broken('zstd', error);
    }
  }

  #taken(): Bytes[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }
}
