import type { ByteString } from '../dataset/bytestring.js';
import { ManifestCheck, type ManifestResult } from '../dataset/compare.js';
import type { EntrySink } from '../dataset/tar/format.js';
import { TarReader } from '../dataset/tar/read.js';
import { isDepotError } from '../errors.js';
import { both, bounded, type Consumer } from '../open/consumer.js';
import { contentFormat, notDecompressed, type ContentFormat } from '../open/content-format.js';
import type { Limit } from '../open/opening.js';
import { ZstdDecoder } from '../open/zstd.js';
import { concat } from '../pgp/packets.js';
import { sha256 } from './primitives.js';
import { contents, type Read, type ReadOptions } from './suitcase-blob.js';

type Bytes = Uint8Array<ArrayBuffer>;

export interface Opened extends Read {
  compression: ContentFormat;
  contents: ManifestResult | null;
}

/** A consumer had what it wanted: the rest need not be read. */
export class Enough extends Error {}

/**
 * What `src/open/open.ts` does, in a browser: suitcase | digest | OpenPGP parse | decrypt | decompress | `consumer`.
 * When it resolves, every byte was authenticated; content that makes no sense is reported only after the rest was
 * authenticated too. @throws DepotError 'verification-failed', 'archive-refused', and what the consumer throws
 */
export async function open(o: ReadOptions, consumer: Consumer, maxBytes: Limit | null): Promise<Opened> {
  const read: Read = { bytes: 0, sha256: '', head: new Uint8Array(0), tail: null, plaintextOctets: 0, segments: [] };
  const plain = contents(o, read);
  // Without `return`: what came out may have been nonsense because the suitcase was changed, and only the rest of it tells.
  const chunks: AsyncIterator<Bytes, void> = { next: () => plain.next() };
  const limited = bounded(consumer, maxBytes);
  let compression: ContentFormat = 'none';
  try {
    for await (const bytes of decompress(chunks, (found) => (compression = found))) await limited.write(bytes);
    const result = await limited.end();
    while ((await plain.next()).done !== true);
    return { ...read, compression, contents: result };
  } catch (error) {
    if (isDepotError(error, 'archive-refused')) while ((await plain.next()).done !== true);
    throw error;
  }
}

/** Reads the archive, compares it with its manifest, and shows every entry to `sink`. */
export function examine(sink: EntrySink, joined: (path: ByteString, parts: number) => void): Consumer {
  const check = new ManifestCheck({ hash: sha256, joined });
  const tar = new TarReader(both(check, sink));
  return {
    write: (bytes) => tar.write(bytes),
    end: () => {
      tar.end();
      return check.finish();
    },
  };
}

/**
 * Decompresses a stream by its magic, as `src/open/decompress.ts` does; gzip by the browser, which takes one member
 * only (what depot and gzip make), zstd in JavaScript. @throws DepotError 'archive-refused' where the compressed data
 * is broken, truncated or followed by something else
 */
async function* decompress(
  chunks: AsyncIterator<Bytes, void>,
  found: (format: ContentFormat) => void,
): AsyncGenerator<Bytes> {
  const first: Bytes[] = [];
  let length = 0;
  while (length < 4) {
    const next = await chunks.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
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
