import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Digest } from '../primitives.js';
import { Ring, waitForChange, type RingMemory } from './ring.js';

export type DigestAlgorithm = 'sha1' | 'sha256';

/** A stream of bytes on its way to the digesting thread, and where its digest comes back: length (int32), then octets. */
export interface DigestStream {
  algorithm: DigestAlgorithm;
  memory: RingMemory;
  result: SharedArrayBuffer;
}

/** What the digesting thread is started with. */
export interface DigestThreadData {
  bell: SharedArrayBuffer;
  streams: DigestStream[];
}

/** Room for what one thread is ahead of the other. */
const ringOctets = 1024 * 1024;
/** Where less is digested, starting a thread would cost more than it saves. */
const worthwhileOctets = ringOctets / 2;
const longestDigest = 32;

/**
 * Digests of streams, in a thread beside the caller's: hashing and encryption each keep a core busy. The thread starts when
 * a stream turns out to be long enough, so all streams are asked for before.
 */
export class Digests {
  readonly #thread: URL | null;
  readonly #bell = new SharedArrayBuffer(4);
  readonly #streams: DigestStream[] = [];
  #started = false;

  /** `thread`: the program of the thread; null to digest in the caller's. */
  constructor(thread: URL | null) {
    this.#thread = thread;
  }

  /** One more stream to digest. Its `update` is done with the bytes when it returns. */
  of(algorithm: DigestAlgorithm): Digest {
    const thread = this.#thread;
    if (thread === null) return createHash(algorithm);
    const ring = new Ring(ringOctets, this.#bell);
    const stream = { algorithm, memory: ring.memory, result: new SharedArrayBuffer(4 + longestDigest) };
    this.#streams.push(stream);
    return {
      update: (bytes) => this.#update(thread, ring, bytes),
      digest: () => (this.#started ? awaitResult(ring, stream.result) : here(algorithm, ring)),
    };
  }

  #update(thread: URL, ring: Ring, bytes: Uint8Array): void {
    for (let left = bytes; left.length > 0; ) {
      const octets = ring.put(left);
      left = left.subarray(octets);
      if (!this.#started && ring.filled >= worthwhileOctets) this.#start(thread);
      if (octets === 0 && !ring.waitForRoom()) throw stuck();
    }
  }

  #start(thread: URL): void {
    this.#started = true;
    const data: DigestThreadData = { bell: this.#bell, streams: this.#streams };
    const worker = new Worker(thread, { workerData: data, resourceLimits: { maxYoungGenerationSizeMb: 1 } });
    // It ends by itself after the last stream. A run that fails before that must not wait for it.
    worker.unref();
  }
}

/**
 * The thread's program, or null where the machine has fewer cores than that: the bytes are copied to the other core, which
 * costs as much as half of digesting them and is lost where no core is idle.
 */
export function digestThread(cores: number): URL | null {
  // Nor from source (tsx, vitest): a loader for TypeScript does not start while this thread waits for a digest.
  return availableParallelism() < cores || import.meta.url.endsWith('.ts')
    ? null
    : new URL('./thread.js', import.meta.url);
}

/** The digest of a stream too short for a thread: all of it still lies in the ring. */
function here(algorithm: DigestAlgorithm, ring: Ring): Uint8Array {
  const hash = createHash(algorithm);
  while (ring.get((bytes) => hash.update(bytes)));
  return hash.digest();
}

function awaitResult(ring: Ring, result: SharedArrayBuffer): Uint8Array {
  ring.end();
  const octets = new Int32Array(result, 0, 1);
  if (!waitForChange(octets, 0, 0)) throw stuck();
  return new Uint8Array(result, 4, octets[0]).slice();
}

function stuck(): Error {
  return new Error('the digesting thread does not answer');
}
