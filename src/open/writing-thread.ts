import { workerData } from 'node:worker_threads';
import { writeAt } from '../dataset/extract/file-writer.js';
import { Slots, type SlotMemory } from './slots.js';

/** Writes blocks to the files that the opening thread holds open. After a failure it takes the rest and writes nothing. */
function run(memory: SlotMemory): void {
  const slots = new Slots(memory);
  slots.ready();
  let failed = false;
  for (let block = slots.next(); block !== null; block = slots.next()) {
    try {
      if (!failed) writeAt(block.fd, block.bytes, block.position);
    } catch (error) {
      failed = true;
      slots.fail(error);
    }
    slots.done();
  }
}

run(workerData as SlotMemory);
