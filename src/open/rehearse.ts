import { createHash } from 'node:crypto';
import { ManifestCheck, type ManifestResult } from '../dataset/compare.js';
import { sha256 } from '../dataset/hash.js';
import { TarReader } from '../dataset/tar/read.js';
import { MessageReader, readPreamble } from '../pgp/reader.js';
import type { ContentFormat } from './content-format.js';
import { decompress } from './decompress.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** What the octets of a suitcase turned out to be. */
export interface Rehearsed {
  bytes: number;
  /** Hex SHA-256 of everything that was read. */
  sha256: string;
  pkesk: Uint8Array;
  head: Uint8Array;
  tail: Uint8Array | null;
  plaintextOctets: number;
  compression: ContentFormat;
  contents: ManifestResult;
}

/**
 * The opening of a suitcase that is only just being made: suitcase | digest | OpenPGP parse | decrypt | decompress | untar |
 * compare with manifest, by the code that will open it one day. Writes nothing.
 *
 * `next` waits for the next octets of the suitcase, null at its end; they may be used for something else at the call after.
 *
 * @throws DepotError 'verification-failed', 'archive-refused'
 */
export async function rehearse(sessionKey: Uint8Array, next: () => Uint8Array | null): Promise<Rehearsed> {
  const digest = createHash('sha256');
  let bytes = 0;
  const read = (): Uint8Array | null => {
    const raw = next();
    if (raw !== null) {
      digest.update(raw);
      bytes += raw.length;
    }
    return raw;
  };
  const preamble = await readPreamble(() => Promise.resolve(read()));
  const plain: Bytes[] = [];
  const message = new MessageReader({ preamble, sessionKey, plain: (piece) => plain.push(piece as Bytes) });
  function* content(): Generator<Bytes, void> {
    message.write(preamble.rest);
    yield* plain.splice(0);
    for (let raw = read(); raw !== null; raw = read()) {
      message.write(raw);
      yield* plain.splice(0);
    }
    message.end();
    yield* plain.splice(0);
  }
  const authenticated = content();
  const check = new ManifestCheck({ hash: sha256 });
  const tar = new TarReader(check);
  let compression: ContentFormat = 'none';
  for await (const piece of decompress(authenticated, (found) => (compression = found))) tar.write(piece);
  tar.end();
  // What is left after the end of the archive must authenticate too.
  while (authenticated.next().done !== true);
  const { head, tail, plaintextOctets } = message;
  return {
    bytes,
    sha256: digest.digest('hex'),
    pkesk: preamble.pkesk,
    head,
    tail,
    plaintextOctets,
    compression,
    contents: check.finish(),
  };
}
