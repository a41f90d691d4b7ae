import { availableParallelism } from 'node:os';
import type { Feeder } from '../conveyor.js';
import { isDepotError } from '../errors.js';
import { ManifestCheck } from '../dataset/compare.js';
import { Extractor } from '../dataset/extract.js';
import type { BlockWriter } from '../dataset/extract/file-writer.js';
import type { LocalNames } from '../dataset/extract/local-names.js';
import { sha256 } from '../primitives.js';
import type { EntrySink } from '../dataset/tar/format.js';
import { TarReader } from '../dataset/tar/read.js';
import { MessageReader } from '../pgp/reader.js';
import type { Said } from '../threads.js';
import { both, bounded, limitError, type Consumer } from './consumer.js';
import type { ContentFormat } from './content-format.js';
import { decompress } from './decompress.js';
import type { OpenOptions, OpenResult } from './opening.js';
import { paysToReadBeside } from './read-ahead.js';
import { SuitcaseSource } from './suitcase-source.js';
import { DigestBeside, WriteBeside } from './write-beside.js';

interface Tools {
  /** Sees the entries that `check` sees. */
  keep?: EntrySink | null;
  /** Writes and digests large files, for one opening after the other; one of its own when left out. */
  large?: BlockWriter | undefined;
  /** Learns what entries are called on disk. */
  names?: LocalNames;
  /** For `emit`. */
  to: Feeder | undefined;
  say: (said: Said) => void;
}

/**
 * The opening thread: suitcase | digest | OpenPGP parse | decrypt | decompress | untar | compare with manifest.
 *
 * When it resolves, every byte of the suitcase was authenticated. Content that makes no sense is reported only after
 * the rest was authenticated too: where the suitcase was changed, that is what is reported.
 *
 * @throws DepotError 'verification-failed' (changed or cut off), 'archive-refused' (authentic, but hostile or broken),
 *   'local-…'
 */
export async function open(options: OpenOptions, tools: Tools): Promise<OpenResult> {
  try {
    return await opened(options, tools);
  } finally {
    options.sessionKey.fill(0);
  }
}

async function opened(options: OpenOptions, tools: Tools): Promise<OpenResult> {
  const { preamble, sessionKey, cipher, fd, consumed, mode } = options;
  const isLong = paysToReadBeside(fd, consumed.length);
  const suitcase = new SuitcaseSource({
    fd,
    consumed,
    rest: preamble.rest.length,
    message: (plain) =>
      new MessageReader({
        preamble,
        sessionKey,
        cipher,
        plain,
        ...(isLong && preamble.encryption.packet === 'SEIPDv1' && { sha1: new DigestBeside() }),
      }),
    isBeside: isLong && (mode.kind === 'check' || mode.kind === 'extract'),
    isDigested: options.wantsSha256,
    expected: mode.kind === 'emit' ? mode.segments : null,
    progress: (bytes) => tools.say({ kind: 'progress', bytes }),
  });
  let compression: ContentFormat = 'none';
  const consumer = bounded(consumerFor(options, tools), options.maxBytes);
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
  const { bytes, sha256: digest, segments } = suitcase;
  const { head, tail, plaintextOctets } = suitcase.message;
  return { bytes, sha256: digest, head, tail, plaintextOctets, compression, contents, segments };
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

function consumerFor(
  { mode, maxWritten, maxEntries }: OpenOptions,
  { to, say, keep = null, large, names }: Tools,
): Consumer {
  switch (mode.kind) {
    case 'authenticate':
      return { write: () => undefined, end: () => null };
    case 'emit':
      return {
        write: async (bytes) => {
          await to!.ready();
          // Not bytes.slice(): of a Buffer that is a view, and the memory that travels would be the decoder's.
          to!.pass(new Uint8Array(bytes));
        },
        end: () => null,
      };
    case 'check':
      return untar(new ManifestCheck({ hash: sha256 }), keep === null ? null : { sink: keep }, false);
    case 'extract': {
      const extractor = new Extractor({
        directory: mode.directory,
        ...(names !== undefined && { names }),
        warn: (message) => say({ kind: 'warning', message }),
        ...(availableParallelism() > 1 && { large: large ?? new WriteBeside() }),
        ...(maxWritten !== null && { maxBytes: maxWritten.most, tooLarge: () => limitError(maxWritten) }),
        ...(maxEntries !== null && { maxEntries: maxEntries.most, tooMany: () => limitError(maxEntries) }),
      });
      return untar(
        new ManifestCheck({
          hash: sha256,
          made: () => extractor.digest(),
          joined: (path, parts) => extractor.joined(path, parts),
        }),
        { sink: extractor, extractor },
        !mode.isPart,
      );
    }
  }
}

interface Beside {
  sink: EntrySink;
  extractor?: Extractor;
}

/** `beside` sees each entry first; `finishes`: the tree gets its symlinks, modes and times at the end. */
function untar(check: ManifestCheck, beside: Beside | null, finishes: boolean): Consumer {
  const tar = new TarReader(beside === null ? check : both(beside.sink, check));
  const extractor = beside?.extractor;
  let agrees = false;
  return {
    write: (bytes) => tar.write(bytes),
    end: () => {
      tar.end();
      extractor?.allRead();
      const result = check.finish();
      agrees = finishes && result.problems.length === 0;
      return result;
    },
    finish: () => {
      if (agrees) extractor?.finish();
      else extractor?.discard();
    },
    discard: () => extractor?.discard(),
  };
}
