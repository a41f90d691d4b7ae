import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { broken, contentFormat, notDecompressed, type ContentFormat } from './content-format.js';
import { FRAME_CONTENT_BYTES, FREE_FRAMES, splitFrames, ZstdDecoder } from './zstd.js';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Decompresses a stream by its magic; anything else passes through. One layer only: what is compressed again inside is
 * content, not format. `found` hears the format once it is known.
 *
 * @throws DepotError 'archive-refused' (broken, cut off, or followed by something), 'internal' (the decompressor itself
 *   failed)
 */
export async function* decompress(
  chunks: Iterable<Bytes>,
  found: (format: ContentFormat) => void,
): AsyncGenerator<Bytes> {
  const input = withStart(chunks, 4);
  const format = contentFormat(input.start);
  found(format);
  if (format === 'none') yield* input.chunks;
  else if (format === 'gzip')
    yield* through(zlib.createGunzip({ chunkSize: PIECE_BYTES }), new Gathering().of(input.chunks), format);
  else if (zlib.createZstdDecompress) yield* zstdFrames(input.chunks, zlib.createZstdDecompress);
  else yield* zstdWithoutRuntime(input.chunks);
}

/** Each piece to or from zlib is a turn of the event loop: at 64 KiB those cost four times what decompression does. */
const PIECE_BYTES = 1 << 20;
/** Large enough to go in as it is. */
const LARGE_BYTES = PIECE_BYTES / 4;

/** Two places to gather input in: one fills while zlib reads the other. */
class Gathering {
  #free: Buffer<ArrayBuffer>[] = [];

  /** The same bytes, small chunks put together. A piece is good until the one after the next is asked for. */
  *of(chunks: Iterable<Bytes>): Generator<Bytes> {
    let used = 0;
    for (const chunk of chunks) {
      if (used > 0 && used + chunk.length > PIECE_BYTES) {
        yield this.#take(used);
        used = 0;
      }
      if (used === 0 && chunk.length >= LARGE_BYTES) {
        yield chunk;
        continue;
      }
      this.#filling().set(chunk, used);
      used += chunk.length;
    }
    if (used > 0) yield this.#take(used);
  }

  #filling(): Buffer<ArrayBuffer> {
    while (this.#free.length < 2) this.#free.push(Buffer.allocUnsafeSlow(PIECE_BYTES));
    return this.#free[0]!;
  }

  #take(length: number): Bytes {
    const filled = this.#free.shift()!;
    this.#free.push(filled);
    return filled.subarray(0, length);
  }
}

/** Runs chunks through a zlib stream and makes sure that it consumed them all: zlib itself ignores what follows the end. */
async function* through(
  transform: Transform & { readonly bytesWritten: number },
  chunks: Iterable<Bytes>,
  format: ContentFormat,
): AsyncGenerator<Bytes> {
  let written = 0;
  const failures: { error: unknown }[] = [];
  // After an error zlib may never call back a write that waits.
  const closed = new Promise<void>((resolve) => transform.once('close', resolve));
  transform.on('error', () => undefined);
  const feed = async (): Promise<void> => {
    let taken = Promise.resolve();
    for (const chunk of chunks) {
      // The callback waits for the reader below, so no more than two chunks, and the output of a part of one, are ever held.
      await taken;
      if (transform.destroyed) return;
      written += chunk.length;
      taken = Promise.race([closed, new Promise<void>((done) => transform.write(chunk, () => done()))]);
    }
    await taken;
    transform.end();
  };
  const feeding = feed().catch((error: unknown) => {
    failures.push({ error });
    transform.destroy(error as Error);
  });
  try {
    for await (const bytes of transform) yield bytes as Bytes;
    await feeding;
  } catch (error) {
    throw failures[0] === undefined ? notDecompressed(format, error) : failures[0].error;
  } finally {
    transform.destroy();
  }
  if (transform.bytesWritten !== written) throw broken(format, new Error('data after the end of the stream'));
}

/**
 * Each frame through a decoder of its own, see `splitFrames`. A decoder costs more than a small frame, and an empty
 * frame has nine bytes: without a limit a GiB of those would keep a processor busy for hours, and no other limit would
 * see it.
 */
async function* zstdFrames(
  chunks: Iterable<Bytes>,
  createDecoder: NonNullable<typeof zlib.createZstdDecompress>,
): AsyncGenerator<Bytes> {
  const pieces = splitFrames(chunks);
  const gathering = new Gathering();
  let frames = 0;
  let length = 0;
  for (let next = pieces.next(); !next.done; ) {
    if (frames++ > FREE_FRAMES + length / FRAME_CONTENT_BYTES)
      throw broken('zstd', new Error('its frames have next to nothing in them'));
    function* frame(): Generator<Bytes> {
      for (let last = false; !last && !next.done; next = pieces.next()) {
        last = next.value.last;
        yield next.value.bytes;
      }
    }
    for await (const bytes of through(createDecoder({ chunkSize: PIECE_BYTES }), gathering.of(frame()), 'zstd')) {
      length += bytes.length;
      yield bytes;
    }
  }
}

function* zstdWithoutRuntime(chunks: Iterable<Bytes>): Generator<Bytes> {
  const decoder = new ZstdDecoder();
  for (const chunk of chunks) yield* decoder.push(chunk);
  yield* decoder.end();
}

/** Looks at the first bytes of a stream without taking them away. */
function withStart(chunks: Iterable<Bytes>, count: number): { start: Uint8Array; chunks: Iterable<Bytes> } {
  const iterator = chunks[Symbol.iterator]();
  const first: Bytes[] = [];
  let length = 0;
  while (length < count) {
    const next = iterator.next();
    if (next.done) break;
    first.push(next.value);
    length += next.value.length;
  }
  function* all(): Generator<Bytes> {
    yield* first;
    yield* { [Symbol.iterator]: () => iterator };
  }
  return { start: Buffer.concat(first).subarray(0, count), chunks: all() };
}
