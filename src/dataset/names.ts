import type { ByteString } from './bytestring.js';
import type { SkippedKind } from './reading.js';

export interface Child {
  name: ByteString;
  kind: 'file' | 'directory' | 'symlink' | Exclude<SkippedKind, 'vanished'>;
}

const KINDS: readonly Child['kind'][] = ['file', 'directory', 'symlink', 'socket', 'fifo', 'device', 'unknown'];
const START = 4096;

/**
 * Names of one directory, the first of them where there are too many. Their bytes lie in one piece of memory: as strings a
 * million names would take five times as much, and leave as much again for the collector.
 */
export class Names {
  readonly #room: number;
  #octets = Buffer.allocUnsafeSlow(START);
  /** What `#octets` was before the last cut: memory that is thrown away stays until the collector runs, which sees little of it. */
  #spare: Buffer<ArrayBuffer> | null = null;
  #used = 0;
  /** Where each begins; the next one ends it. */
  #starts = new Uint32Array(START / 16);
  #kinds = new Uint8Array(START / 16);
  #count = 0;
  /** Of those that are kept, once greater ones were left out: what lies behind it waits for the next listing. */
  #greatest: ByteString | null = null;

  constructor(room: number) {
    this.#room = room;
  }

  /** Whether greater names were left out. */
  get more(): boolean {
    return this.#greatest !== null;
  }

  /** Makes it empty, for the next names. */
  clear(): void {
    this.#used = 0;
    this.#count = 0;
    this.#greatest = null;
  }

  add(name: ByteString, kind: Child['kind']): void {
    if (this.#used + name.length > this.#octets.length) this.#makeRoom();
    if (this.#greatest !== null && name > this.#greatest) return;
    if (this.#count + 1 >= this.#starts.length) {
      this.#starts = grown(this.#starts, new Uint32Array(2 * this.#starts.length));
      this.#kinds = grown(this.#kinds, new Uint8Array(2 * this.#kinds.length));
    }
    this.#kinds[this.#count] = KINDS.indexOf(kind);
    this.#used += this.#octets.write(name, this.#used, 'latin1');
    this.#starts[++this.#count] = this.#used;
  }

  /** In the order of their bytes. */
  *inOrder(): Generator<Child, void> {
    for (const i of this.#sorted())
      yield {
        name: this.#octets.toString('latin1', this.#starts[i], this.#starts[i + 1]) as ByteString,
        kind: KINDS[this.#kinds[i]!]!,
      };
  }

  #makeRoom(): void {
    const larger = Math.min(2 * this.#octets.length, this.#room);
    if (larger - this.#octets.length >= 256) this.#octets = grown(this.#octets, Buffer.allocUnsafeSlow(larger));
    else this.#keepFirst();
  }

  /** The smaller half. */
  #keepFirst(): void {
    const kept = new Names(this.#room);
    kept.#octets = this.#spare ?? Buffer.allocUnsafeSlow(this.#octets.length);
    for (const { name, kind } of this.inOrder()) {
      if (kept.#used > 0 && kept.#used + name.length > this.#used / 2) break;
      kept.add(name, kind);
      this.#greatest = name;
    }
    // Only what is as large as it may get is cut, so both stay of one size.
    this.#spare = this.#octets;
    this.#octets = kept.#octets;
    this.#used = kept.#used;
    this.#starts = kept.#starts;
    this.#kinds = kept.#kinds;
    this.#count = kept.#count;
  }

  #sorted(): Uint32Array {
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i);
    return order.sort((a, b) =>
      this.#octets.compare(this.#octets, this.#starts[b], this.#starts[b + 1], this.#starts[a], this.#starts[a + 1]),
    );
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
