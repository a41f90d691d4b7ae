import { Worker } from 'node:worker_threads';
import type { BlockWriter } from '../dataset/extract/file-writer.js';
import { DIGEST_OCTETS } from './reading.js';
import { Slots, type SlotMemory } from './slots.js';

/** What the writing thread is started with. */
export interface WritingData {
  memory: SlotMemory;
  /** The SHA-256 of the file that was finished last. */
  digest: SharedArrayBuffer;
}

/** What becomes of a block. All but `write` also take part in the digest of the file; `finish` has no octets and ends it. */
export const task = { write: 0, writeAndDigest: 1, digest: 2, finish: 3 } as const;

/**
 * Writes and digests in a thread of its own: either is as much work as the decryption. The thread starts with the first file that
 * is long enough.
 */
export class WriteBeside implements BlockWriter {
  readonly #thread: URL;
  readonly #digest = new SharedArrayBuffer(DIGEST_OCTETS);
  #slots: Slots | null = null;

  constructor(thread: URL) {
    this.#thread = thread;
  }

  room(): Buffer {
    this.#slots ??= this.#start();
    this.#slots.check();
    return this.#slots.room();
  }

  write(octets: number, fd: number, position: number, isDigested: boolean): void {
    this.#slots!.pass(octets, { fd, position, task: isDigested ? task.writeAndDigest : task.write });
  }

  digest(octets: number): void {
    this.#slots!.pass(octets, { fd: -1, position: 0, task: task.digest });
  }

  finish(): string {
    this.room();
    this.#slots!.pass(0, { fd: -1, position: 0, task: task.finish });
    this.settle();
    return Buffer.from(this.#digest).toString('hex');
  }

  settle(): void {
    this.#slots?.settle();
    this.#slots?.check();
  }

  #start(): Slots {
    const slots = new Slots();
    const workerData: WritingData = { memory: slots.memory, digest: this.#digest };
    // It ends with the thread that started it.
    new Worker(this.#thread, { workerData, resourceLimits: { maxYoungGenerationSizeMb: 1 } }).unref();
    slots.awaitReady();
    return slots;
  }
}
