import { createHash } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import { writeAt } from '../dataset/extract/file-writer.js';
import { Slots, type Block } from './slots.js';
import { task, type WritingData } from './writing.js';

/** Writes blocks to the files that the opening thread holds open, and digests them. After a failure it takes the rest and does nothing. */
function run({ memory, digest }: WritingData): void {
  const slots = new Slots(memory);
  let hash = createHash('sha256');
  const take = (block: Block): void => {
    if (block.task === task.write || block.task === task.writeAndDigest) writeAt(block.fd, block.bytes, block.position);
    if (block.task === task.writeAndDigest || block.task === task.digest) hash.update(block.bytes);
    if (block.task === task.finish) {
      new Uint8Array(digest).set(hash.digest());
      hash = createHash('sha256');
    }
  };
  slots.ready();
  let failed = false;
  for (let block = slots.next(); block !== null; block = slots.next()) {
    try {
      if (!failed) take(block);
    } catch (error) {
      failed = true;
      slots.fail(error);
    }
    slots.done();
  }
}

run(workerData as WritingData);
