import { createHash } from 'node:crypto';
import { delayed } from '../abort.js';
import { newConveyor, Taker } from '../conveyor.js';
import { type Listed, parseListed } from '../dataset/listed.js';
import type { DatasetOptions, DatasetSummary } from '../dataset/sources.js';
import { DepotError } from '../errors.js';
import { markSuitcaseBlock, type SuitcaseBlock } from '../outbound.js';
import type { Encryption } from '../pgp/sessionkey.js';
import { Thread, type Said, sharedKey } from '../threads.js';
import type { Warn } from '../warning.js';
import { BLOCK_COUNT, BLOCK_BYTES } from './blocks.js';
import { chunksHeld, type CompressionFormat } from './compress.js';

export interface Envelope {
  compression: CompressionFormat;
  /** The size of what is sealed is not to be seen exactly. */
  isPadded: boolean;
  /** The PKESK packets, byte for byte as they will open the suitcase. */
  pkesk: Uint8Array;
  /** 32 bytes; shared with the thread, and wiped when that is done or gone. */
  sessionKey: Uint8Array;
  encryption: Encryption;
}

export interface SealOptions extends Envelope {
  dataset: DatasetOptions;
}

export interface Sealed {
  bytes: number;
  head: Uint8Array;
  tail: Uint8Array | null;
  plaintextOctets: number;
}

export interface SealResult extends Sealed {
  dataset: DatasetSummary;
  /** Hex SHA-256 of the whole suitcase. */
  sha256: string;
}

export interface SealProgress {
  entries: number;
  /** Dataset bytes read so far. */
  bytes: number;
}

export interface SealHooks {
  signal: AbortSignal;
  warn: Warn;
  progress(progress: SealProgress): void;
  /** Gets what becomes of each entry, so many at a time; the reading goes on when it is done with those. */
  listed?: (some: Listed[]) => Promise<void>;
}

/** A sealing under way. Every block taken from `blocks` must come back through `release`, or the sealing thread waits for it. */
export interface Sealing {
  /** The suitcase, in order. Ends after the last block; throws what the sealing threw. */
  readonly blocks: AsyncIterable<SuitcaseBlock>;
  /** Gives a block's memory back once its bytes are no longer needed; the block is detached. */
  release(block: SuitcaseBlock): void;
  /** Resolves after the last block was taken; rejects as `blocks` does. */
  readonly result: Promise<SealResult>;
  /** Stops the threads, kills running source commands, runs clean-ups; resolves when they are gone, or some time after a signal. */
  stop(): Promise<void>;
}

/** Chunks on their way to the sealing thread, beside those that the compression holds and the one that is being filled. */
const CHUNKS_AHEAD = 2;
const CHUNK_BYTES = 1 << 20;
/** Commands have ended by then, and most cleanups; what is still to be written and told fits into the 90 s that systemd gives. */
const leftAfterMs = 45_000;

/** Pieces of a list on their way to whoever prints it. */
const LISTS_AHEAD = 4;

async function takeLists(lists: Taker, listed: NonNullable<SealHooks['listed']>): Promise<void> {
  for (let block = await lists.next(); block !== null; block = await lists.next()) {
    await listed(parseListed(block.bytes));
    lists.keep();
  }
}

/** Begins to seal: packing thread ==> sealing thread ==> `blocks`. The session key is copied; the caller wipes its own. */
export function startSealing(
  { dataset, sessionKey, ...envelope }: SealOptions,
  hooks: SealHooks,
  patienceMs = leftAfterMs,
): Sealing {
  const shared = sharedKey(sessionKey);
  const chunks = newConveyor(chunksHeld(envelope.compression) + CHUNKS_AHEAD, CHUNK_BYTES);
  const suitcase = newConveyor(BLOCK_COUNT, BLOCK_BYTES);
  const list = hooks.listed && newConveyor(LISTS_AHEAD, 0);
  const said = (said: Said): void => {
    if (said.kind === 'warning') hooks.warn(said.message, said.weight);
    else hooks.progress({ entries: said.entries ?? 0, bytes: said.bytes });
  };
  let sealing: Thread<Sealed> | undefined;
  let packing: Thread<DatasetSummary>;
  try {
    // First: where the system gives one thread more and no second, no source is to be started.
    sealing = new Thread({
      name: 'sealing',
      of: dataset.arrangement,
      data: { ...envelope, sessionKey: shared } satisfies Envelope,
      ends: { from: chunks.emptying, to: suitcase.filling },
    });
    packing = new Thread(
      {
        name: 'packing',
        of: dataset.arrangement,
        data: dataset,
        ends: { to: chunks.filling, ...(list && { list: list.filling }) },
      },
      { said },
    );
  } catch (error) {
    void sealing?.terminate();
    shared.fill(0);
    throw error;
  }
  const taker = new Taker(suitcase.emptying);
  const lists = list && new Taker(list.emptying);

  let resolve!: (result: SealResult) => void;
  let reject!: (error: unknown) => void;
  const result = new Promise<SealResult>((...settle) => ([resolve, reject] = settle));
  result.catch(() => undefined); // also thrown by `blocks`; a caller that only reads those must not see it twice
  const stop = (): void => {
    // Where it waits for its list to be taken, it hears nothing else.
    lists?.fail(new DepotError('interrupted', 'stopped'));
    packing.stop();
    sealing.stop();
  };
  const fail = (error: unknown): void => {
    const cause: unknown = hooks.signal.aborted ? hooks.signal.reason : error;
    reject(cause);
    taker.giveUp(cause);
    lists?.giveUp(cause);
    stop();
  };
  const threads = Promise.all([packing.result, sealing.result, lists && takeLists(lists, hooks.listed!)]);
  threads.catch(fail);

  hooks.signal.addEventListener('abort', stop, { once: true });
  if (hooks.signal.aborted) stop();
  // What is on a share that gives nothing cannot be stopped; whoever sent a signal is not to wait for it.
  const late = delayed(hooks.signal, patienceMs);
  const gone = Promise.all([packing.gone, sealing.gone]).then(() => late.stop());
  void sealing.gone.then(() => shared.fill(0));
  const leftToThemselves = new Promise<void>((done) => {
    late.signal.addEventListener(
      'abort',
      () => {
        hooks.warn(
          `a source, or its cleanup, does not end: depot waited ${patienceMs / 1000} s for it, and goes on without it`,
        );
        fail(hooks.signal.reason);
        done();
      },
      { once: true },
    );
  });
  void gone.then(() => hooks.signal.removeEventListener('abort', stop));

  async function* blocks(): AsyncGenerator<SuitcaseBlock, void> {
    // Here, where the blocks come by anyway: the sealing thread has the most to do, and for a third one they would have to be copied.
    const digest = createHash('sha256');
    let bytes = 0;
    for (let block = await taker.next(); block !== null; block = await taker.next()) {
      digest.update(block.bytes);
      bytes += block.bytes.length;
      yield markSuitcaseBlock(block.bytes);
    }
    const [summary, sealed] = await threads;
    if (bytes !== sealed.bytes)
      throw new DepotError('internal', `${bytes} bytes of the suitcase arrived, but ${sealed.bytes} were sealed`);
    resolve({ ...sealed, dataset: summary, sha256: digest.digest('hex') });
  }
  async function* orFail(): AsyncGenerator<SuitcaseBlock, void> {
    try {
      yield* blocks();
    } catch (error) {
      fail(error);
      await result;
    }
  }

  return {
    blocks: orFail(),
    release: (block) => taker.done(block),
    result,
    stop: async () => {
      stop();
      await Promise.race([gone, leftToThemselves]);
    },
  };
}
