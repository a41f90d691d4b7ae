import { createHash } from 'node:crypto';
import { type BlockWriter, writeAt } from '../dataset/extract/file-writer.js';
import { Feeder, newConveyor, type Taker } from '../conveyor.js';
import type { Digest } from '../primitives.js';
import { startBeside } from '../threads.js';
import { BLOCK_COUNT, BLOCK_BYTES } from './read-ahead.js';

/** What becomes of a block in the writing thread. */
interface Task {
  /** Where it is to be written. */
  at: { fd: number; position: number } | null;
  /** Whether it is part of the digest. */
  isDigested: boolean;
  /** The digest is complete: it is the answer to this block, and the next one begins. */
  isLast: boolean;
}

type Algorithm = 'sha1' | 'sha256';

/** The writing thread: writes blocks to files that the opening thread holds open, and digests them. */
export function writeBlocks(algorithm: Algorithm, { from }: { from: Taker<Task, Uint8Array> }): void {
  let hash = createHash(algorithm);
  for (let block = from.nextHere(); block !== null; block = from.nextHere()) {
    const { bytes, note } = block;
    if (note.at !== null) writeAt(note.at.fd, bytes, note.at.position);
    if (note.isDigested) hash.update(bytes);
    from.done(bytes, note.isLast ? hash.digest() : undefined);
    if (note.isLast) hash = createHash(algorithm);
  }
}

/** The other end of a writing thread, which is started with the first block. */
class Beside {
  readonly #algorithm: Algorithm;
  #to: Feeder<Task, Uint8Array> | null = null;
  #room: Buffer<ArrayBuffer> | null = null;

  constructor(algorithm: Algorithm) {
    this.#algorithm = algorithm;
  }

  /** Where the next block goes; the same until it is passed. */
  room(): Buffer<ArrayBuffer> {
    if (this.#room !== null) return this.#room;
    this.#to ??= this.#start();
    this.#to.readyHere();
    return (this.#room = Buffer.from(this.#to.memory()));
  }

  /** `at`: where it is to be written. */
  protected pass(length: number, at: Task['at'], isDigested: boolean, isLast = false): void {
    this.#to!.pass(this.room().subarray(0, length), { at, isDigested, isLast });
    this.#room = null;
  }

  /** The digest of what was to be digested since the last time. */
  protected sum(): Uint8Array {
    this.room();
    this.pass(0, null, false, true);
    this.settle();
    return this.#to!.answer!;
  }

  settle(): void {
    this.#to?.settleHere();
  }

  #start(): Feeder<Task, Uint8Array> {
    const { filling, emptying } = newConveyor(BLOCK_COUNT, BLOCK_BYTES);
    startBeside('writing', this.#algorithm, { from: emptying });
    return new Feeder(filling);
  }
}

/** Writes and digests large files in a thread of its own: either is as much work as the decryption. */
export class WriteBeside extends Beside implements BlockWriter {
  constructor() {
    super('sha256');
  }

  write(length: number, fd: number, position: number, isDigested: boolean): void {
    this.pass(length, { fd, position }, isDigested);
  }

  digest(length: number): void {
    this.pass(length, null, true);
  }

  finish(): string {
    return Buffer.from(this.sum()).toString('hex');
  }
}

/** A SHA-1 that is made in a thread of its own. Its `update` is done with the bytes when it returns. */
export class DigestBeside extends Beside implements Digest {
  #used = 0;

  constructor() {
    super('sha1');
  }

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const room = this.room();
      const part = bytes.subarray(at, at + room.length - this.#used);
      room.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
      if (this.#used === room.length) this.#flush();
    }
  }

  digest(): Uint8Array {
    if (this.#used > 0) this.#flush();
    return this.sum();
  }

  #flush(): void {
    this.pass(this.#used, null, true);
    this.#used = 0;
  }
}
