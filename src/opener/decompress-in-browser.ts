import { contentFormat, notDecompressed, type ContentFormat } from '../open/content-format.js';
import { ZstdDecoder } from '../open/zstd.js';
import { concat } from '../pgp/packets.js';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Decompresses a stream by its magic, as `src/open/decompress.ts` does; gzip by the browser, which takes one member only (what
 * depot and gzip make), zstd in JavaScript.
 *
 * @throws DepotError 'archive-refused' where the compressed data is broken, truncated or followed by something else
 */
export async function* decompress(
  chunks: AsyncIterator<Bytes, void>,
  found: (format: ContentFormat) => void,
): AsyncGenerator<Bytes> {
  const first: Bytes[] = [];
  let octets = 0;
  while (octets < 4) {
    const next = await chunks.next();
    if (next.done === true) break;
    first.push(next.value);
    octets += next.value.length;
  }
  async function* all(): AsyncGenerator<Bytes> {
    yield* first;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  }
  const format = contentFormat(concat(...first));
  found(format);
  if (format === 'gzip') yield* gunzip(all());
  else if (format === 'zstd') yield* unzstd(all());
  else yield* all();
}

async function* unzstd(chunks: AsyncGenerator<Bytes>): AsyncGenerator<Bytes> {
  const decoder = new ZstdDecoder();
  for await (const chunk of chunks) yield* decoder.push(chunk);
  yield* decoder.end();
}

/** Input is given in pieces, since all that one stands for may come out before anyone can say stop. */
const PIECE = 64 * 1024;

async function* gunzip(chunks: AsyncGenerator<Bytes>): AsyncGenerator<Bytes> {
  const stream = new DecompressionStream('gzip');
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader() as ReadableStreamDefaultReader<Bytes>;
  const failures: { error: unknown }[] = [];
  // What the decompressor has against its input is told to the reader; `failures` has what the input itself throws.
  let closed = false;
  const taken = async (work: Promise<void>): Promise<void> =>
    work.catch(() => {
      closed = true;
    });
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length && !closed; at += PIECE)
          await taken(writer.write(chunk.subarray(at, at + PIECE)));
        if (closed) return;
      }
      await taken(writer.close());
    } catch (error) {
      failures.push({ error });
      await writer.abort(error).catch(() => undefined);
    }
  };
  const feeding = feed();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    await feeding;
  } catch (error) {
    await feeding;
    throw failures[0] === undefined ? notDecompressed('gzip', error) : failures[0].error;
  } finally {
    await reader.cancel().catch(() => undefined);
    await feeding;
  }
}
