import { isDepotError } from '../errors.js';
import { ManifestCheck } from '../dataset/compare.js';
import { Extractor } from '../dataset/extract.js';
import { sha256 } from '../dataset/hash.js';
import { Digests, digestThread } from '../digest/digests.js';
import { TarReader } from '../dataset/tar/read.js';
import { MessageReader } from '../pgp/reader.js';
import { both, bounded, limitError, type Consumer } from './consumer.js';
import type { ContentFormat } from './content-format.js';
import { decompress } from './decompress.js';
import type { OpenOptions, OpenResult } from './messages.js';
import { threadBeside } from './reading.js';
import { SuitcaseSource } from './source.js';
import { WriteBeside } from './writing.js';

type Bytes = Uint8Array<ArrayBuffer>;

export interface OpenHooks {
  warn(message: string): void;
  /** Suitcase octets read so far. */
  progress(bytes: number): void;
  /** For `emit`: takes decompressed content; resolves when more may come. */
  emit(bytes: Bytes): Promise<void>;
}

/**
 * The opening: suitcase | digest | OpenPGP parse | decrypt | decompress | untar | compare with manifest.
 *
 * When it resolves, every octet of the suitcase was authenticated. A content that makes no sense is only reported as such
 * after the rest of the suitcase was authenticated too: otherwise it is the change of the suitcase that is reported.
 *
 * @throws DepotError 'verification-failed' for a suitcase that was changed or cut off, 'archive-refused' for an authentic one
 *   with hostile or broken content, 'local-…' where the output cannot be written
 */
export async function open(options: OpenOptions, hooks: OpenHooks): Promise<OpenResult> {
  const { preamble, sessionKey, cipher, fd, mode } = options;
  const digests = new Digests(digestThread(2));
  const suitcase = new SuitcaseSource({
    fd,
    consumed: options.consumed,
    rest: preamble.rest.length,
    message: (plain) =>
      new MessageReader({
        preamble,
        sessionKey,
        cipher,
        plain,
        ...(preamble.encryption.packet === 'SEIPDv1' && { sha1: digests.of('sha1') }),
      }),
    thread: mode.kind === 'check' || mode.kind === 'extract' ? threadBeside('reading-thread') : null,
    isDigested: options.wantsSha256,
    expected: mode.kind === 'emit' ? mode.segments : null,
    progress: (bytes) => hooks.progress(bytes),
  });
  let compression: ContentFormat = 'none';
  const consumer = bounded(consumerFor(options, hooks), options.maxBytes);
  let contents: OpenResult['contents'];
  try {
    contents = await authenticated(suitcase, async () => {
      for await (const bytes of decompress(suitcase, (found) => (compression = found))) await consumer.write(bytes);
      return consumer.end();
    });
    consumer.finish?.();
  } catch (error) {
    consumer.discard?.();
    throw error;
  }
  const { bytes, sha256: digest, segments, message } = suitcase;
  return {
    bytes,
    sha256: digest,
    segments,
    head: message.head,
    tail: message.tail,
    plaintextOctets: message.plaintextOctets,
    compression,
    contents,
  };
}

/** Runs `consume` and, when that finds fault with the content, first makes sure that the suitcase is what was sealed. */
async function authenticated<T>(suitcase: SuitcaseSource, consume: () => Promise<T>): Promise<T> {
  try {
    const result = await consume();
    suitcase.authenticate();
    return result;
  } catch (error) {
    if (isDepotError(error, 'archive-refused')) suitcase.authenticate();
    throw error;
  }
}

function consumerFor({ mode, maxWritten, maxEntries }: OpenOptions, hooks: OpenHooks): Consumer {
  switch (mode.kind) {
    case 'authenticate':
      return { write: () => undefined, end: () => null };
    case 'emit':
      return { write: (bytes) => hooks.emit(bytes), end: () => null };
    case 'check':
      return untar(new ManifestCheck({ hash: sha256 }), null);
    case 'extract': {
      const thread = threadBeside('writing-thread');
      const extractor = new Extractor({
        directory: mode.directory,
        warn: (message) => hooks.warn(message),
        ...(thread !== null && { large: new WriteBeside(thread) }),
        ...(maxWritten !== null && { maxBytes: maxWritten.most, tooLarge: () => limitError(maxWritten) }),
        ...(maxEntries !== null && { maxEntries: maxEntries.most, tooMany: () => limitError(maxEntries) }),
      });
      return untar(
        new ManifestCheck({
          hash: sha256,
          made: () => extractor.digest(),
          joined: (path, parts) => extractor.joined(path, parts),
        }),
        extractor,
      );
    }
  }
}

function untar(check: ManifestCheck, extractor: Extractor | null): Consumer {
  const tar = new TarReader(extractor ? both(extractor, check) : check);
  let agrees = false;
  return {
    write: (bytes) => tar.write(bytes),
    end: () => {
      tar.end();
      extractor?.allRead();
      const result = check.finish();
      agrees = result.problems.length === 0;
      return result;
    },
    finish: () => {
      if (agrees) extractor?.finish();
      else extractor?.discard();
    },
    discard: () => extractor?.discard(),
  };
}
