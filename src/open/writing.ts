import { Worker } from 'node:worker_threads';
import type { BlockWriter } from '../dataset/extract/file-writer.js';
import { Slots, type SlotMemory } from './slots.js';

/** Writes in a thread of its own: the kernel's copying of a file is as much work as its decryption. The thread starts with the first file that is long enough. */
export class WriteBeside implements BlockWriter {
  readonly #thread: URL;
  #slots: Slots | null = null;

  constructor(thread: URL) {
    this.#thread = thread;
  }

  room(): Buffer {
    this.#slots ??= this.#start();
    this.#slots.check();
    return this.#slots.room();
  }

  write(octets: number, fd: number, position: number): void {
    this.#slots!.pass(octets, fd, position);
  }

  settle(): void {
    this.#slots?.settle();
    this.#slots?.check();
  }

  #start(): Slots {
    const slots = new Slots();
    const workerData: SlotMemory = slots.memory;
    // It ends with the thread that started it.
    new Worker(this.#thread, { workerData, resourceLimits: { maxYoungGenerationSizeMb: 1 } }).unref();
    slots.awaitReady();
    return slots;
  }
}
