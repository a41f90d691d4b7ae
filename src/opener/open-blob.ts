import { ManifestCheck, type ManifestResult } from '../dataset/compare.js';
import type { EntrySink } from '../dataset/tar/format.js';
import { TarReader } from '../dataset/tar/read.js';
import type { ByteString } from '../dataset/bytestring.js';
import { isDepotError } from '../errors.js';
import { both, bounded, type Consumer } from '../open/consumer.js';
import type { ContentFormat } from '../open/content-format.js';
import type { Limit } from '../open/opening.js';
import { decompress } from './decompress-in-browser.js';
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
 * The opening in a browser, in the words of `src/open/open.ts`: suitcase | digest | OpenPGP parse | decrypt | decompress | `consumer`.
 * When it resolves, every octet of the suitcase was authenticated. A content that makes no sense is only reported as such
 * after the rest of the suitcase was authenticated too.
 *
 * @throws DepotError 'verification-failed', 'archive-refused', and what the consumer throws
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
