import { createHash } from 'node:crypto';
import { DepotError } from '../errors.js';
import { orAborted } from '../abort.js';
import { PgArchive } from '../databases/pg-archive.js';
import { codeOrSaid, printable } from '../printable.js';
import type { Archive } from './archive.js';
import type { ByteString } from './bytestring.js';
import type { Chunk } from './chunks.js';
import type { ChainNight } from './increment/chain-night.js';
import { REREAD } from './increment/records.js';
import { emptyError } from './reading.js';
import type { CommandSource, SourceSpec, StdinSource } from '../source.js';
import type { DatasetHooks } from './sources.js';
import type { TarHeader } from './tar/write.js';
import { MAX_PARTS, partSuffix } from '../names/archive.js';

/** A part is held in memory until its size is known. */
const PART_BYTES = 16 << 20;

/** For data that has no mode of its own: whoever unpacks it decides who else may read it. */
const PART_MODE = 0o600;

/** Holds the part that is being filled; one for all sources. */
export class PartBuffer {
  #buffer: Buffer<ArrayBuffer> | null = null;
  get(): Buffer<ArrayBuffer> {
    return (this.#buffer ??= Buffer.allocUnsafeSlow(PART_BYTES));
  }
}

/** Without its size, which its end tells. */
export function streamedHeader(archive: Archive, path: ByteString): TarHeader {
  return { path, type: 'file', size: 0, mode: PART_MODE, mtimeNs: archive.startedNs, linkTarget: null };
}

export interface PartsContext {
  archive: Archive;
  parts: PartBuffer;
  chain: ChainNight | null;
}

/** What a streamed source gives, as long as it gives anything. @throws DepotError 'source-empty', unless `allowEmpty` */
export async function* notEmpty(
  source: SourceSpec,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let isEmpty = true;
  for await (const bytes of content) {
    if (bytes.length > 0) isEmpty = false;
    yield bytes;
  }
  if (isEmpty && !source.allowEmpty)
    throw emptyError(source, source.kind === 'stdin' ? 'there is nothing on stdin' : 'the command printed nothing');
}

/** Longer than any `endsWith` with what may follow it. */
const END_BYTES = 256;

/** What a command prints, as long as it ends as it should. @throws DepotError 'source-failed' */
export async function* whole(
  { name, endsWith, format }: CommandSource,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const archive = format === undefined ? null : new PgArchive();
  let end = Buffer.alloc(0);
  for await (const bytes of content) {
    archive?.add(bytes);
    end = Buffer.concat([end, bytes.subarray(-END_BYTES)]).subarray(-END_BYTES);
    yield bytes;
  }
  const wrong =
    endsWith === undefined || end.toString('latin1').trimEnd().endsWith(endsWith)
      ? archive?.problem()
      : `does not end with '${endsWith}'`;
  if (wrong == null) return;
  throw new DepotError(
    'source-failed',
    `source ${printable(name)}: what the command printed ${wrong}, so it is not whole`,
    { hint: 'run the command by hand, as the account that depot runs as, and look at the end of its output' },
  );
}

/** Stores content of unknown length as parts `<path>.part-000001` and so on, and lists them in one line of the manifest. */
export async function* packParts(
  { archive, parts, chain }: PartsContext,
  source: SourceSpec,
  path: ByteString,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Chunk, void> {
  const buffer = parts.get();
  const whole = createHash('sha256');
  const entry = streamedHeader(archive, path);
  chain?.index.openLarge(entry, null, { night: 0, object: path });
  chain?.index.beginWhole();
  let used = 0;
  let size = 0;
  let count = 0;
  const store = function* (): Generator<Chunk, void> {
    if (++count > MAX_PARTS)
      throw new DepotError(
        'source-failed',
        `source ${printable(source.name)}: more than ${MAX_PARTS} parts of ${PART_BYTES} bytes`,
        { hint: 'split the source in two' },
      );
    const part = buffer.subarray(0, used);
    whole.update(part);
    chain?.index.add(part);
    size += used;
    used = 0;
    yield* archive.stored({ ...entry, path: (path + partSuffix(count)) as ByteString, size: part.length }, part);
  };

  for await (const bytes of content) {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + PART_BYTES - used);
      buffer.set(piece, used);
      used += piece.length;
      at += piece.length;
      if (used === PART_BYTES) yield* store();
    }
  }
  // An empty content has one empty part, so that joining it gives an empty file.
  if (used > 0 || count === 0) yield* store();
  const sha256 = whole.digest();
  yield* archive.list({ ...entry, size }, { sha256: sha256.toString('hex'), parts: count, changed: false });
  chain?.index.endContent();
  chain?.index.closeLarge(size, REREAD, sha256);
}

/** Until its end. Throws 'source-failed', 'source-timed-out' and the signal's reason. */
export async function* readStdin(source: StdinSource, hooks: DatasetHooks): AsyncGenerator<Uint8Array, void> {
  if (hooks.stdin === undefined)
    throw new DepotError('source-failed', `source ${printable(source.name)}: there is no stdin to read`, {
      hint: 'pipe the data into it: … | «depot …»',
    });
  const timeout = new AbortController();
  const timer =
    source.timeoutMs === undefined ? undefined : setTimeout(() => timeout.abort(timedOut(source)), source.timeoutMs);
  const stop = AbortSignal.any([hooks.signal, timeout.signal]);
  const iterator = hooks.stdin[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await orAborted(iterator.next(), stop);
      ended = next.done === true;
      if (ended) return;
      yield next.value as Uint8Array;
    }
  } catch (error) {
    stop.throwIfAborted();
    throw new DepotError(
      'source-failed',
      `source ${printable(source.name)}: stdin could not be read: ${codeOrSaid(error)}`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
    // Not awaited: a generator that waits for input does not return before it comes.
    if (!ended) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function timedOut(source: StdinSource): DepotError {
  return new DepotError(
    'source-timed-out',
    `source ${printable(source.name)}: stdin did not end within ${(source.timeoutMs ?? 0) / 1000} s`,
  );
}
