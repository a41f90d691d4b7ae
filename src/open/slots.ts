/**
 * Blocks that go from one thread to another in memory that both share, in order. Each end waits where it is (Atomics.wait),
 * so that synchronous code may stand at either; a disk may take its time, so the wait has no limit.
 */

/** What a thread needs to reach slots that another made. */
export interface SlotMemory {
  /** Int32: see `At`. */
  control: SharedArrayBuffer;
  /** Doubles: see `notesPerSlot`. */
  notes: SharedArrayBuffer;
  bytes: SharedArrayBuffer;
  /** Int32 length, then a `Failure` in JSON. */
  failure: SharedArrayBuffer;
}

/** What goes with a block. */
export interface Note {
  fd: number;
  position: number;
  /** One of a few things that the other end is to do. */
  task: number;
}

/** A block: valid until `done`. */
export interface Block extends Note {
  bytes: Uint8Array;
}

/** What an error of `node:fs` says. */
interface Failure {
  code?: string;
  message: string;
}

const At = { filled: 0, emptied: 1, ready: 2, cells: 3 } as const;
/** Octets (`END` after the last block), fd, position, task. */
const notesPerSlot = 4;
const noNote: Note = { fd: -1, position: 0, task: 0 };
const END = -1;
/** Two for each end: one in use and one in hand. */
const slotCount = 4;
/** Octets of a block. */
export const SLOT_OCTETS = 1 << 20;
const failureOctets = 4096;
/** For the other thread to start at all. */
const startMs = 60_000;

export class Slots {
  readonly memory: SlotMemory;
  readonly #control: Int32Array;
  readonly #notes: Float64Array;
  readonly #bytes: Buffer;

  constructor(memory?: SlotMemory) {
    this.memory = memory ?? {
      control: new SharedArrayBuffer(4 * At.cells),
      notes: new SharedArrayBuffer(8 * notesPerSlot * slotCount),
      bytes: new SharedArrayBuffer(SLOT_OCTETS * slotCount),
      failure: new SharedArrayBuffer(4 + failureOctets),
    };
    this.#control = new Int32Array(this.memory.control);
    this.#notes = new Float64Array(this.memory.notes);
    this.#bytes = Buffer.from(this.memory.bytes);
  }

  /** The thread at one end says that it is there. */
  ready(): void {
    this.#set(At.ready, 1);
  }

  /** Waits for the thread that was started for the other end. @throws Error when it does not come */
  awaitReady(): void {
    if (
      Atomics.load(this.#control, At.ready) === 0 &&
      Atomics.wait(this.#control, At.ready, 0, startMs) === 'timed-out'
    )
      throw new Error('a thread did not start');
  }

  /** The next slot to fill, of SLOT_OCTETS; waits for one that is free. */
  room(): Buffer {
    this.#waitWhile(slotCount);
    return this.#slot(Atomics.load(this.#control, At.filled));
  }

  /** Hands over the slot that `room` gave. What the note means is the business of the two ends. */
  pass(octets: number, { fd, position, task } = noNote): void {
    const filled = Atomics.load(this.#control, At.filled);
    this.#notes.set([octets, fd, position, task], notesPerSlot * (filled % slotCount));
    this.#set(At.filled, filled + 1);
  }

  /** Nothing more will be passed. */
  end(): void {
    this.room();
    this.pass(END);
  }

  /** Waits until all that was passed has been dealt with. */
  settle(): void {
    this.#waitWhile(1);
  }

  /** The next block; waits for it. Null after the last one. */
  next(): Block | null {
    const emptied = Atomics.load(this.#control, At.emptied);
    while (Atomics.load(this.#control, At.filled) === emptied) Atomics.wait(this.#control, At.filled, emptied);
    const [octets, fd, position, task] = this.#notes.subarray(notesPerSlot * (emptied % slotCount));
    return octets === END
      ? null
      : { bytes: this.#slot(emptied).subarray(0, octets), fd: fd!, position: position!, task: task! };
  }

  /** The block that `next` gave is not needed any more. */
  done(): void {
    this.#set(At.emptied, Atomics.load(this.#control, At.emptied) + 1);
  }

  /** Tells the other end, which asks with `check`. Only the first failure is kept. */
  fail(error: unknown): void {
    const [octets] = new Int32Array(this.memory.failure, 0, 1);
    if (octets !== 0) return;
    const { code, message } = error as NodeJS.ErrnoException;
    const text = Buffer.from(
      JSON.stringify({
        ...(code !== undefined && { code }),
        message: message.slice(0, failureOctets / 8),
      } satisfies Failure),
    );
    new Uint8Array(this.memory.failure, 4).set(text);
    Atomics.store(new Int32Array(this.memory.failure, 0, 1), 0, text.length);
  }

  /** @throws Error what the other end met, with its `code` */
  check(): void {
    const octets = Atomics.load(new Int32Array(this.memory.failure, 0, 1), 0);
    if (octets === 0) return;
    const { code, message } = JSON.parse(
      Buffer.from(new Uint8Array(this.memory.failure, 4, octets)).toString(),
    ) as Failure;
    throw Object.assign(new Error(message), code === undefined ? {} : { code });
  }

  #slot(index: number): Buffer {
    const at = SLOT_OCTETS * (index % slotCount);
    return this.#bytes.subarray(at, at + SLOT_OCTETS);
  }

  /** Waits while `most` slots or more are on their way. */
  #waitWhile(most: number): void {
    for (;;) {
      const emptied = Atomics.load(this.#control, At.emptied);
      if (Atomics.load(this.#control, At.filled) - emptied < most) return;
      Atomics.wait(this.#control, At.emptied, emptied);
    }
  }

  #set(cell: number, value: number): void {
    Atomics.store(this.#control, cell, value);
    Atomics.notify(this.#control, cell);
  }
}
