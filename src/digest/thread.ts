import { createHash } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import type { DigestThreadData } from './digests.js';
import { Ring } from './ring.js';

/** Digests what comes out of the rings until all have ended. */
function run({ bell, streams }: DigestThreadData): void {
  const counter = new Int32Array(bell);
  let open = streams.map(({ algorithm, memory, result }) => ({
    hash: createHash(algorithm),
    ring: new Ring(memory, bell),
    result,
  }));
  while (open.length > 0) {
    const heard = Atomics.load(counter, 0);
    const left = open.filter(({ hash, ring, result }) => {
      const { ended } = ring;
      while (ring.get((bytes) => hash.update(bytes)));
      if (ended) answer(result, hash.digest());
      return !ended;
    });
    if (left.length === open.length) Atomics.wait(counter, 0, heard);
    open = left;
  }
}

function answer(result: SharedArrayBuffer, digest: Uint8Array): void {
  new Uint8Array(result, 4).set(digest);
  const octets = new Int32Array(result, 0, 1);
  Atomics.store(octets, 0, digest.length);
  Atomics.notify(octets, 0);
}

run(workerData as DigestThreadData);
