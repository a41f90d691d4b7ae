import { Worker } from 'node:worker_threads';
import { DepotError, errorFromRecord, type ErrorRecord, threadFailed } from '../errors.js';
import { sharedKey } from '../shared-key.js';
import type { Rehearsed } from './rehearse.js';

/** Blocks that the thread may be behind: a rehearsal that is slower than the upload slows it down, and takes no more memory. */
const CREDITS = 8;

export interface RehearsalData {
  /** 32 octets, shared: wiped when the thread is gone. */
  sessionKey: Uint8Array;
  /** Counts what was posted: the thread sleeps on it, since it must wait where it is and not in its event loop. */
  posted: Int32Array<SharedArrayBuffer>;
}

export type ToRehearsal = { kind: 'block'; buffer: ArrayBuffer; length: number } | { kind: 'end' };
export type FromRehearsal =
  | { kind: 'read'; buffer: ArrayBuffer }
  | { kind: 'rehearsed'; result: Rehearsed }
  | { kind: 'failed'; error: ErrorRecord };

/** A suitcase that is opened while it is sealed. */
export interface Rehearsal {
  /** Copies a block for the thread; waits while that is too far behind. @throws DepotError what the thread found */
  feed(block: Uint8Array): Promise<void>;
  /** After the last block. @throws DepotError what the thread found */
  finish(): Promise<Rehearsed>;
  stop(): Promise<void>;
}

/** Starts the rehearsal's thread. The session key is copied; the caller wipes its own. */
export function startRehearsal(sessionKey: Uint8Array): Rehearsal {
  const posted = new Int32Array(new SharedArrayBuffer(4));
  const fromSource = import.meta.url.endsWith('.ts');
  const entry = new URL(fromSource ? './rehearsal-thread.ts' : './rehearsal-thread.js', import.meta.url);
  const shared = sharedKey(sessionKey);
  const workerData: RehearsalData = { sessionKey: shared, posted };
  const worker = new Worker(entry, {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
    ...(fromSource && { execArgv: ['--import', 'tsx'] }),
  });
  const free: ArrayBuffer[] = [];
  let made = 0;
  let wake: (() => void) | null = null;

  let resolve!: (result: Rehearsed) => void;
  let reject!: (error: unknown) => void;
  const result = new Promise<Rehearsed>((...settle) => ([resolve, reject] = settle));
  result.catch(() => undefined); // asked for at the end; what fails before is thrown by `feed`
  let failure: { error: unknown } | null = null;
  const fail = (error: unknown): void => {
    failure ??= { error };
    reject(error);
    wake?.();
  };
  worker.on('message', (message: FromRehearsal) => {
    switch (message.kind) {
      case 'read':
        free.push(message.buffer);
        wake?.();
        break;
      case 'rehearsed':
        resolve(message.result);
        break;
      case 'failed':
        fail(errorFromRecord(message.error));
        break;
    }
  });
  worker.once('error', (error) => fail(threadFailed("rehearsal's", error)));
  worker.once('exit', () => {
    shared.fill(0);
    fail(new DepotError('internal', "the rehearsal's thread ended before it was done"));
  });

  const post = (message: ToRehearsal, transfer: ArrayBuffer[] = []): void => {
    worker.postMessage(message, transfer);
    Atomics.add(posted, 0, 1);
    Atomics.notify(posted, 0);
  };
  return {
    async feed(block) {
      while (failure === null && free.length === 0 && made === CREDITS) {
        await new Promise<void>((woken) => (wake = woken));
        wake = null;
      }
      if (failure !== null) throw failure.error;
      let buffer = free.pop();
      if (buffer === undefined) {
        made++;
        buffer = new ArrayBuffer(block.length);
      }
      if (buffer.byteLength < block.length) buffer = new ArrayBuffer(block.length);
      new Uint8Array(buffer).set(block);
      post({ kind: 'block', buffer, length: block.length }, [buffer]);
    },
    finish() {
      post({ kind: 'end' });
      return result;
    },
    async stop() {
      await worker.terminate();
    },
  };
}
