import { createHash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Slots, type SlotMemory } from './slots.js';

/** What the reading thread is started with. */
export interface ReadingData {
  fd: number;
  consumed: Uint8Array;
  memory: SlotMemory;
  /** For its SHA-256, once there is nothing more; null when it is not wanted. */
  digest: SharedArrayBuffer | null;
}

/** A suitcase from its first octet to its last. */
export interface Reading {
  /** The next octets, valid until the next call; none at the end. @throws Error of `node:fs` */
  next(): Uint8Array;
  /** After the end: of everything. */
  sha256(): Uint8Array;
}

/** Octets read at once, and the length of the stretches that a second pass over the same file is held against. */
const STRETCH_OCTETS = 4 << 20;
/** Where less is left to read, a thread would cost more than it saves. */
const WORTHWHILE_OCTETS = 8 << 20;
export const DIGEST_OCTETS = 32;

/**
 * The thread's program, or null where there is one core only; nor from source (tsx, vitest): a loader for TypeScript does not
 * start while this thread waits.
 */
export function threadBeside(name: 'reading-thread' | 'writing-thread'): URL | null {
  return availableParallelism() < 2 || import.meta.url.endsWith('.ts')
    ? null
    : new URL(`./${name}.js`, import.meta.url);
}

/** Reads in this thread. `consumed`: what was read already. `stretch` gets the digest of everything so far, after each reading. */
export function readHere(fd: number, consumed: Uint8Array, stretch?: (sha256: Uint8Array) => void): Reading {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(STRETCH_OCTETS);
  buffer.set(consumed);
  let length = consumed.length;
  return {
    next() {
      length += fill(fd, buffer.subarray(length));
      const octets = buffer.subarray(0, length);
      length = 0;
      hash.update(octets);
      if (octets.length > 0) stretch?.(hash.copy().digest());
      return octets;
    },
    sha256: () => hash.digest(),
  };
}

/** Reads, and digests if that is wanted, in a thread of its own, ahead of this one. */
export function readBeside(thread: URL, fd: number, consumed: Uint8Array, isDigested = true): Reading {
  const slots = new Slots();
  const digest = new SharedArrayBuffer(DIGEST_OCTETS);
  const workerData: ReadingData = { fd, consumed, memory: slots.memory, digest: isDigested ? digest : null };
  // It ends by itself after the last octet. A run that fails before that must not wait for it.
  new Worker(thread, { workerData, resourceLimits: { maxYoungGenerationSizeMb: 1 } }).unref();
  let state: 'first' | 'waiting' | 'in use' = 'first';
  return {
    next() {
      if (state === 'first') {
        state = 'waiting';
        if (consumed.length > 0) return consumed;
      }
      slots.awaitReady();
      if (state === 'in use') slots.done();
      state = 'waiting';
      const block = slots.next();
      slots.check();
      if (block === null) return new Uint8Array(0);
      state = 'in use';
      return block.bytes;
    },
    sha256: () => new Uint8Array(digest).slice(),
  };
}

/** Whether so much is left, or may be, that a thread pays. */
export function isLong(fd: number, consumed: number): boolean {
  const stat = fstatSync(fd);
  return !stat.isFile() || stat.size - consumed >= WORTHWHILE_OCTETS;
}

/** Reads until `buffer` is full or the file ends. */
export function fill(fd: number, buffer: Uint8Array): number {
  let length = 0;
  while (length < buffer.length) {
    const octets = readSync(fd, buffer, length, buffer.length - length, null);
    if (octets === 0) break;
    length += octets;
  }
  return length;
}
