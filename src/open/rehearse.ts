import { createHash } from 'node:crypto';
import type { Taker } from '../conveyor.js';
import { ManifestCheck, type ManifestResult } from '../dataset/compare.js';
import { sha256 } from '../primitives.js';
import { TarReader } from '../dataset/tar/read.js';
import { readPreamble } from '../pgp/preamble.js';
import { MessageReader } from '../pgp/reader.js';
import type { ContentFormat } from './content-format.js';
import { decompress } from './decompress.js';
import type { OpenResult } from './opening.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** What the bytes of a suitcase turned out to be. */
export interface Rehearsed extends Omit<OpenResult, 'contents' | 'segments'> {
  pkesk: Uint8Array;
  contents: ManifestResult;
}

/**
 * The rehearsal's thread: opens a suitcase while it is being made, by the code that will open it one day. Writes
 * nothing. @throws DepotError 'verification-failed', 'archive-refused'
 */
export async function rehearse(sessionKey: Uint8Array, { from }: { from: Taker }): Promise<Rehearsed> {
  try {
    return await open(sessionKey, from);
  } finally {
    sessionKey.fill(0);
  }
}

async function open(sessionKey: Uint8Array, from: Taker): Promise<Rehearsed> {
  const digest = createHash('sha256');
  let bytes = 0;
  let inUse: Bytes | null = null;
  const read = (): Bytes | null => {
    if (inUse !== null) from.done(inUse);
    inUse = from.nextHere()?.bytes ?? null;
    if (inUse !== null) {
      digest.update(inUse);
      bytes += inUse.length;
    }
    return inUse;
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
  const found = { bytes, sha256: digest.digest('hex'), compression, contents: check.finish() };
  return { ...found, pkesk: preamble.pkesk, head, tail, plaintextOctets };
}
