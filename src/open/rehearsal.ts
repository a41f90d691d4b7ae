import { Feeder, newConveyor } from '../conveyor.js';
import { Thread, sharedKey } from '../threads.js';
import type { Rehearsed } from './rehearse.js';

/** How far the thread may fall behind: a rehearsal that is slower than the upload slows it down. */
const BLOCK_COUNT = 8;
const BLOCK_BYTES = 1 << 20;

/** A suitcase that is opened while it is sealed. */
export interface Rehearsal {
  /** Copies a block for the thread; waits while that is too far behind. @throws DepotError what the thread found */
  feed(block: Uint8Array): Promise<void>;
  /** After the last block. @throws DepotError what the thread found */
  finish(): Promise<Rehearsed>;
  stop(): Promise<void>;
}

/** Starts the rehearsal's thread. The caller wipes its session key. */
export function startRehearsal(sessionKey: Uint8Array): Rehearsal {
  const shared = sharedKey(sessionKey);
  const { filling, emptying } = newConveyor(BLOCK_COUNT, BLOCK_BYTES);
  const thread = new Thread<Rehearsed>({ name: 'rehearsal', data: shared, ends: { from: emptying } });
  const to = new Feeder(filling);
  thread.result.catch((error: unknown) => to.giveUp(error));
  void thread.gone.then(() => shared.fill(0));
  return {
    async feed(bytes) {
      for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
        await to.ready();
        const part = bytes.subarray(at, at + BLOCK_BYTES);
        const block = new Uint8Array(to.memory()).subarray(0, part.length);
        block.set(part);
        to.pass(block);
      }
    },
    finish() {
      to.end();
      return thread.result;
    },
    stop: () => thread.terminate(),
  };
}
