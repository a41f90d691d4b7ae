import { createHash } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import { fill, type ReadingData } from './reading.js';
import { Slots } from './slots.js';

/** Reads a suitcase into slots, ahead of the opening thread, and digests each while that works on it. */
function run({ fd, consumed, memory, digest }: ReadingData): void {
  const slots = new Slots(memory);
  slots.ready();
  try {
    const hash = digest === null ? null : createHash('sha256').update(consumed);
    for (;;) {
      const room = slots.room();
      const octets = fill(fd, room);
      if (octets === 0) break;
      slots.pass(octets);
      // It is not filled again before the next `room`.
      hash?.update(room.subarray(0, octets));
    }
    if (digest !== null) new Uint8Array(digest).set(hash!.digest());
  } catch (error) {
    slots.fail(error);
  }
  slots.end();
}

run(workerData as ReadingData);
