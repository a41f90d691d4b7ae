import { createHash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Feeder, newConveyor, Taker } from '../conveyor.js';
import { startBeside } from '../threads.js';

interface ReadAheadData {
  fd: number;
  consumed: Uint8Array;
  /** For the SHA-256, once there is nothing more; null when it is not wanted. */
  digest: Uint8Array | null;
}

/** A suitcase from its first byte to its last. */
export interface Reading {
  /** The next bytes, valid until the next call; none at the end. @throws Error of `node:fs` */
  next(): Uint8Array;
  /** After the end: of everything. */
  sha256(): Uint8Array;
}

/** Bytes read at once, and the length of the stretches that a second pass over the same file is held against. */
const STRETCH_BYTES = 1 << 20;
/** Where less is left to read, threads would cost more than they save: each takes some 50 ms of a processor to start. */
const WORTHWHILE_BYTES = 32 << 20;
/** Blocks to or from a thread beside the opening one: two for each of them, one in use and one in hand. */
export const BLOCK_COUNT = 4;
export const BLOCK_BYTES = 1 << 20;

/** Reads in this thread, so much at once. `stretch` gets the digest of everything so far, after each reading. */
export function readHere(
  fd: number,
  consumed: Uint8Array,
  stretch?: (sha256: Uint8Array) => void,
  bytesAtOnce = STRETCH_BYTES,
): Reading {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(Math.max(bytesAtOnce, consumed.length));
  buffer.set(consumed);
  let length = consumed.length;
  return {
    next() {
      length += fill(fd, buffer.subarray(length));
      const bytes = buffer.subarray(0, length);
      length = 0;
      hash.update(bytes);
      if (bytes.length > 0) stretch?.(hash.copy().digest());
      return bytes;
    },
    sha256: () => hash.digest(),
  };
}

/** Reads, and digests if that is wanted, in a thread of its own, ahead of this one. */
export function readBeside(fd: number, consumed: Uint8Array, isDigested = true): Reading {
  const { filling, emptying } = newConveyor(BLOCK_COUNT, BLOCK_BYTES);
  const digest = new Uint8Array(new SharedArrayBuffer(32));
  startBeside('reading', { fd, consumed, digest: isDigested ? digest : null } satisfies ReadAheadData, { to: filling });
  const from = new Taker(emptying);
  let isFirst = true;
  let inUse: Uint8Array<ArrayBuffer> | null = null;
  return {
    next() {
      if (isFirst) {
        isFirst = false;
        if (consumed.length > 0) return consumed;
      }
      if (inUse !== null) from.done(inUse);
      inUse = from.nextHere()?.bytes ?? null;
      return inUse ?? new Uint8Array(0);
    },
    sha256: () => digest.slice(),
  };
}

/** The reading thread: hands over each block before it digests it. */
export function readAhead({ fd, consumed, digest }: ReadAheadData, { to }: { to: Feeder }): void {
  const hash = createHash('sha256').update(consumed);
  for (;;) {
    to.readyHere();
    const block = new Uint8Array(to.memory());
    const length = fill(fd, block);
    if (length === 0) break;
    if (digest !== null) hash.update(block.subarray(0, length));
    to.pass(block.subarray(0, length));
  }
  digest?.set(hash.digest());
}

/** Whether a thread beside this one pays: another core, and so much left, or perhaps left, to read. */
export function paysToReadBeside(fd: number, consumed: number): boolean {
  if (availableParallelism() < 2) return false;
  const stat = fstatSync(fd);
  return !stat.isFile() || stat.size - consumed >= WORTHWHILE_BYTES;
}

/** Reads until `buffer` is full or the file ends. */
function fill(fd: number, buffer: Uint8Array): number {
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  return length;
}
