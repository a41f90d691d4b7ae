/**
 * Memory that two threads share: one puts bytes in, the other takes them out, in order. Both block (Atomics.wait), so
 * that synchronous code may stand at either end.
 */

/** What a thread needs to reach a ring that another made. */
export interface RingMemory {
  /** Int32: see `Slot`. */
  control: SharedArrayBuffer;
  bytes: SharedArrayBuffer;
}

const Slot = { written: 0, read: 1, ended: 2 } as const;

/** Longer together than any pause of a thread that is alive; several, since a clock goes on while the process is stopped. */
const waits = { count: 6, eachMs: 10_000 };

/** Waits until the cell no longer holds `value`; false when it still does after a minute. */
export function waitForChange(cells: Int32Array, index: number, value: number): boolean {
  for (let i = 0; i < waits.count && Atomics.load(cells, index) === value; i++)
    Atomics.wait(cells, index, value, waits.eachMs);
  return Atomics.load(cells, index) !== value;
}

export class Ring {
  readonly memory: RingMemory;
  readonly #control: Int32Array;
  readonly #bytes: Buffer;
  /** Counted up by every writer of a group of rings, so that one reader can wait for all of them. */
  readonly #bell: Int32Array;
  /** Waking the reader costs as much as digesting 20 kB: not for less than this. */
  readonly #worthwhile: number;

  /** `octets`: a power of two, since positions are counted modulo 2^32. */
  constructor(memory: number | RingMemory, bell: SharedArrayBuffer) {
    this.memory =
      typeof memory === 'number'
        ? { control: new SharedArrayBuffer(12), bytes: new SharedArrayBuffer(memory) }
        : memory;
    this.#control = new Int32Array(this.memory.control);
    this.#bytes = Buffer.from(this.memory.bytes);
    this.#bell = new Int32Array(bell);
    this.#worthwhile = this.#bytes.length / 4;
  }

  /** Octets written and not read yet. */
  get filled(): number {
    return (Atomics.load(this.#control, Slot.written) - Atomics.load(this.#control, Slot.read)) >>> 0;
  }

  get free(): number {
    return this.#bytes.length - this.filled;
  }

  get ended(): boolean {
    return Atomics.load(this.#control, Slot.ended) === 1;
  }

  /** Copies as much of `bytes` as there is room for; returns how much that was. */
  put(bytes: Uint8Array): number {
    const written = Atomics.load(this.#control, Slot.written);
    const at = (written >>> 0) % this.#bytes.length;
    const octets = Math.min(bytes.length, this.free, this.#bytes.length - at);
    if (octets === 0) return 0;
    // Not `set`, which moves shared memory word by word: half as fast.
    this.#bytes.fill(bytes.subarray(0, octets), at, at + octets);
    Atomics.store(this.#control, Slot.written, (written + octets) | 0);
    if (this.filled >= this.#worthwhile) this.#ring();
    return octets;
  }

  /** Nothing more will be put in. */
  end(): void {
    Atomics.store(this.#control, Slot.ended, 1);
    this.#ring();
  }

  /** Gives `take` the octets that lie there in one piece; false when there are none. */
  get(take: (bytes: Uint8Array) => void): boolean {
    const read = Atomics.load(this.#control, Slot.read);
    const at = (read >>> 0) % this.#bytes.length;
    const octets = Math.min(this.filled, this.#bytes.length - at);
    if (octets === 0) return false;
    take(this.#bytes.subarray(at, at + octets));
    Atomics.store(this.#control, Slot.read, (read + octets) | 0);
    Atomics.notify(this.#control, Slot.read);
    return true;
  }

  /** Waits until there is room; false when the reader takes nothing for too long. */
  waitForRoom(): boolean {
    const read = Atomics.load(this.#control, Slot.read);
    return this.free > 0 || waitForChange(this.#control, Slot.read, read);
  }

  #ring(): void {
    Atomics.add(this.#bell, 0, 1);
    Atomics.notify(this.#bell, 0);
  }
}
