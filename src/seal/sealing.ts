import { createHash } from 'node:crypto';
import { delayed } from '../abort.js';
import { DepotError, errorFromRecord, threadFailed } from '../errors.js';
import { markSuitcaseBlock, type SuitcaseBlock } from '../outbound.js';
import { sharedKey } from '../shared-key.js';
import type { Warn } from '../warning.js';
import type { FromThread, SealOptions, SealProgress, SealResult, ToThread } from './messages.js';
import { startThread, type Standby } from './standby.js';

export interface SealHooks {
  signal: AbortSignal;
  warn: Warn;
  progress(progress: SealProgress): void;
}

/** A sealing under way. Every block taken from `blocks` must come back through `release`, or the thread stops. */
export interface Sealing {
  /** The suitcase, in order. Ends after the last block; throws what the sealing threw. */
  readonly blocks: AsyncIterable<SuitcaseBlock>;
  /** Gives a block's buffer back once its bytes are no longer needed; the block is detached. */
  release(block: SuitcaseBlock): void;
  /** Resolves after the last block; rejects as `blocks` does. */
  readonly result: Promise<SealResult>;
  /** Stops the thread, kills running source commands, runs clean-ups; resolves when it is gone, or some time after a signal. */
  stop(): Promise<void>;
}

/** Commands have ended by then, and most cleanups; what is still to be written and told fits into the 90 s that systemd gives. */
const leftAfterMs = 45_000;

/** Begins to seal, in the thread of `standby`, or in one that is started now. The session key is copied; the caller wipes its own. */
export function startSealing(
  options: SealOptions,
  hooks: SealHooks,
  standby?: Standby,
  patienceMs = leftAfterMs,
): Sealing {
  const shared = sharedKey(options.sessionKey);
  const worker = standby?.take() ?? startThread();
  const queue = new BlockQueue();
  // Here, where the blocks come by anyway: the sealing thread has the most to do, and for a third one they would have to be copied.
  const digest = createHash('sha256');
  let bytes = 0;
  const toThread = (message: ToThread, transfer: ArrayBuffer[] = []) => worker.postMessage(message, transfer);

  let resolve!: (result: SealResult) => void;
  let reject!: (error: unknown) => void;
  const result = new Promise<SealResult>((...settle) => ([resolve, reject] = settle));
  result.catch(() => undefined); // also thrown by `blocks`; a caller that only reads those must not see it twice
  const fail = (error: unknown): void => {
    reject(error);
    queue.fail(error);
  };
  // What is on a share that gives nothing cannot be stopped; whoever sent a signal is not to wait for it.
  const late = delayed(hooks.signal, patienceMs);
  const gone = new Promise<void>((done) => {
    worker.once('exit', () => {
      late.stop();
      shared.fill(0);
      done();
    });
    late.signal.addEventListener(
      'abort',
      () => {
        hooks.warn(
          `a source, or its cleanup, does not end: it was waited for ${patienceMs / 1000} s, and is left to itself`,
        );
        fail(hooks.signal.reason);
        done();
      },
      { once: true },
    );
  });

  worker.on('message', (message: FromThread) => {
    switch (message.kind) {
      case 'block':
        {
          const block = new Uint8Array(message.buffer, 0, message.length);
          digest.update(block);
          bytes += block.length;
          queue.push(markSuitcaseBlock(block));
        }
        break;
      case 'progress':
        hooks.progress(message.progress);
        break;
      case 'warning':
        hooks.warn(message.message, message.weight);
        break;
      case 'sealed':
        if (bytes === message.result.bytes) {
          resolve({ ...message.result, sha256: digest.digest('hex') });
          queue.end();
        } else {
          fail(
            new DepotError(
              'internal',
              `${bytes} octets of the suitcase arrived, but ${message.result.bytes} were sealed`,
            ),
          );
        }
        break;
      case 'failed':
        fail(hooks.signal.aborted ? hooks.signal.reason : errorFromRecord(message.error));
        break;
    }
  });
  worker.once('error', (error) => fail(threadFailed('sealing', error)));
  worker.once('exit', () =>
    fail(new DepotError('internal', 'the sealing thread ended before the suitcase was complete')),
  );

  toThread({ kind: 'begin', options: { ...options, sessionKey: shared } });
  const abort = (): void => toThread({ kind: 'abort' });
  if (hooks.signal.aborted) abort();
  hooks.signal.addEventListener('abort', abort, { once: true });
  void gone.then(() => hooks.signal.removeEventListener('abort', abort));

  return {
    blocks: queue,
    release: (block) => toThread({ kind: 'credit', buffer: block.buffer }, [block.buffer]),
    result,
    stop: async () => {
      abort();
      await gone;
    },
  };
}

/** Blocks between the thread's messages and the loop that uploads them; the credits bound its length. */
class BlockQueue implements AsyncIterable<SuitcaseBlock> {
  readonly #blocks: SuitcaseBlock[] = [];
  #ended = false;
  #failure: { error: unknown } | null = null;
  #wake: (() => void) | null = null;

  push(block: SuitcaseBlock): void {
    this.#blocks.push(block);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#failure ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SuitcaseBlock> {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      const block = this.#blocks.shift();
      if (block) yield block;
      else if (this.#ended) return;
      else {
        await new Promise<void>((wake) => (this.#wake = wake));
        this.#wake = null;
      }
    }
  }
}
