import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { type ErrorRecord, errorFromRecord, errorToRecord, isDepotError } from './errors.js';

/**
 * A conveyor carries blocks of bytes from one thread to another, in order, a bounded number at a time. A block's memory
 * travels with it, so the sender cannot touch it any more, and comes back to be filled again. An end waits either in its
 * event loop (`ready`, `next`) or where it stands (`readyHere`, `nextHere`), as synchronous code must; without limit,
 * since a disk, a share or a pipe may pause for an hour. Whoever started a thread that dies ends those that wait for it.
 */
export interface ConveyorEnd {
  port: MessagePort;
  /** Counts what was posted, in both directions: code that waits where it stands sleeps on it. */
  posted: Int32Array<SharedArrayBuffer>;
  /** The most blocks that exist, and the size of each. */
  blocks: number;
  blockBytes: number;
}

/** A block, and what goes with it: the business of the two ends. */
export interface Block<Note> {
  bytes: Uint8Array<ArrayBuffer>;
  note: Note;
}

type Message<Note, Answer> =
  | { kind: 'block'; buffer: ArrayBuffer; length: number; note: Note }
  | { kind: 'end' }
  /** The block's memory comes back; null when it was kept. */
  | { kind: 'done'; buffer: ArrayBuffer | null; answer: Answer | undefined }
  | { kind: 'failed'; error: Failure };

/** An error on its way: one of ours, or what an error of `node:fs` says. */
type Failure = { ours: ErrorRecord } | { code: unknown; message: string };

export function newConveyor(blocks: number, blockBytes: number): { filling: ConveyorEnd; emptying: ConveyorEnd } {
  const { port1, port2 } = new MessageChannel();
  const posted = new Int32Array(new SharedArrayBuffer(4));
  return {
    filling: { port: port1, posted, blocks, blockBytes },
    emptying: { port: port2, posted, blocks, blockBytes },
  };
}

abstract class End<Note, Answer> {
  readonly #end: ConveyorEnd;
  #failure: { error: unknown } | null = null;
  #isListening = false;
  #wake: (() => void) | null = null;

  constructor(end: ConveyorEnd) {
    this.#end = end;
  }

  /** Tells the other end, which throws this error from now on. */
  fail(error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException;
    this.post({ kind: 'failed', error: isDepotError(error) ? { ours: errorToRecord(error) } : { code, message } });
  }

  /** Throws this error from now on, here. */
  giveUp(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  protected abstract hear(message: Message<Note, Answer>): void;

  protected post(message: Message<Note, Answer>, transfer: ArrayBuffer[] = []): void {
    this.#end.port.postMessage(message, transfer);
    Atomics.add(this.#end.posted, 0, 1);
    Atomics.notify(this.#end.posted, 0);
  }

  /** Waits in the event loop. @throws what the other end failed with, or this one was given up with */
  protected async until(holds: () => boolean): Promise<void> {
    if (!this.#isListening) {
      this.#isListening = true;
      this.#end.port.on('message', (message: Message<Note, Answer>) => {
        this.#take(message);
        this.#wake?.();
      });
    }
    while (this.#failure === null && !holds()) await new Promise<void>((wake) => (this.#wake = wake));
    this.#wake = null;
    this.#check();
  }

  /** Waits where it stands. @throws as `until` */
  protected untilHere(holds: () => boolean): void {
    for (;;) {
      const seen = Atomics.load(this.#end.posted, 0);
      for (let next = receiveMessageOnPort(this.#end.port); next; next = receiveMessageOnPort(this.#end.port))
        this.#take(next.message as Message<Note, Answer>);
      this.#check();
      if (holds()) return;
      Atomics.wait(this.#end.posted, 0, seen);
    }
  }

  #take(message: Message<Note, Answer>): void {
    if (message.kind !== 'failed') this.hear(message);
    else if ('ours' in message.error) this.giveUp(errorFromRecord(message.error.ours));
    else this.giveUp(Object.assign(new Error(message.error.message), { code: message.error.code }));
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}

export class Feeder<Note = undefined, Answer = undefined> extends End<Note, Answer> {
  readonly #blocks: number;
  readonly #blockBytes: number;
  /** Last in, first out: memory that was never needed is never made. */
  readonly #spare: ArrayBuffer[] = [];
  #underway = 0;
  /** What the other end answered last. */
  answer: Answer | undefined;

  constructor(end: ConveyorEnd) {
    super(end);
    this.#blocks = end.blocks;
    this.#blockBytes = end.blockBytes;
  }

  /** Waits until one more block may be handed over. @throws what the other end failed with */
  ready(): Promise<void> {
    return this.until(() => this.#underway < this.#blocks);
  }

  readyHere(): void {
    this.untilHere(() => this.#underway < this.#blocks);
  }

  /** Waits until the other end is done with everything. @throws what the other end failed with */
  settleHere(): void {
    this.untilHere(() => this.#underway === 0);
  }

  /** Memory of a block that is done with, if there is some. */
  spare(): ArrayBuffer | undefined {
    return this.#spare.pop();
  }

  /** Memory for the next block. */
  memory(): ArrayBuffer {
    return this.spare() ?? new ArrayBuffer(this.#blockBytes);
  }

  /** Hands over these bytes, the first of their memory, and all of the memory. */
  pass({ buffer, length }: Uint8Array<ArrayBuffer>, note?: Note): void {
    this.#underway++;
    this.post({ kind: 'block', buffer, length, note: note as Note }, [buffer]);
  }

  /** Nothing more will come. */
  end(): void {
    this.post({ kind: 'end' });
  }

  protected hear(message: Message<Note, Answer>): void {
    if (message.kind !== 'done') return;
    this.#underway--;
    if (message.buffer !== null) this.#spare.push(message.buffer);
    this.answer = message.answer;
  }
}

export class Taker<Note = undefined, Answer = undefined> extends End<Note, Answer> {
  readonly #blocks: Block<Note>[] = [];
  #isEnded = false;

  /** Waits for the next block; null after the last. @throws what the other end failed with */
  async next(): Promise<Block<Note> | null> {
    await this.until(() => this.#blocks.length > 0 || this.#isEnded);
    return this.#blocks.shift() ?? null;
  }

  nextHere(): Block<Note> | null {
    this.untilHere(() => this.#blocks.length > 0 || this.#isEnded);
    return this.#blocks.shift() ?? null;
  }

  /** Gives a block's memory back. They may come back in another order than they went. */
  done({ buffer }: Uint8Array<ArrayBuffer>, answer?: Answer): void {
    this.post({ kind: 'done', buffer, answer }, [buffer]);
  }

  /** As `done`, but keeps the memory. */
  keep(): void {
    this.post({ kind: 'done', buffer: null, answer: undefined });
  }

  protected hear(message: Message<Note, Answer>): void {
    if (message.kind === 'end') this.#isEnded = true;
    else if (message.kind === 'block')
      this.#blocks.push({ bytes: new Uint8Array(message.buffer, 0, message.length), note: message.note });
  }
}
