import { opendirSync, type Dirent } from 'node:fs';
import { fromBytes, toPath, type ByteString } from './bytestring.js';
import { hasCode, type SkippedKind } from './reading.js';

export interface Child {
  name: ByteString;
  kind: 'file' | 'directory' | 'symlink' | Exclude<SkippedKind, 'vanished'>;
}

/**
 * Bytes of names that are held at a time. A larger directory is listed again for the next so many: names must come in
 * order, so that readers see that none comes twice, and memory must not grow with them.
 */
const ROOM = 4 << 20;

/** In the order of their bytes. `room`: at least 512, two of the longest names. Throws the system's error. */
export function* listChildren(directory: ByteString, room = ROOM): Generator<Child, void> {
  const batch = new Names(room);
  for (let last: ByteString | null = null; ; ) {
    readBatch(directory, last, batch);
    for (const child of batch.inOrder()) {
      last = child.name;
      yield child;
    }
    if (!batch.more) return;
  }
}

/** The first names after `last`, as many as there is room for. */
function readBatch(directory: ByteString, last: ByteString | null, batch: Names): void {
  try {
    readNames(directory, 'latin1', last, batch);
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM', 'ENOTDIR')) throw error;
    // Some file systems do not say what an entry is. Node then looks, and by a name as text finds nothing. Buffers take
    // three times as long, so they come second.
    readNames(directory, 'buffer', last, batch);
  }
}

function readNames(directory: ByteString, encoding: 'latin1' | 'buffer', last: ByteString | null, batch: Names): void {
  batch.clear();
  const listing = opendirSync(toPath(directory), { encoding: encoding as BufferEncoding, bufferSize: 1024 });
  try {
    for (let child = listing.readSync(); child !== null; child = listing.readSync()) {
      const asked: string | Uint8Array = child.name; // @types/node knows only strings
      const name = typeof asked === 'string' ? (asked as ByteString) : fromBytes(asked);
      if (last === null || name > last) batch.add(name, kindOf(child));
    }
  } finally {
    listing.closeSync();
  }
}

function kindOf(child: Dirent): Child['kind'] {
  if (child.isFile()) return 'file';
  if (child.isDirectory()) return 'directory';
  if (child.isSymbolicLink()) return 'symlink';
  if (child.isSocket()) return 'socket';
  if (child.isFIFO()) return 'fifo';
  return child.isBlockDevice() || child.isCharacterDevice() ? 'device' : 'unknown';
}

const KINDS: readonly Child['kind'][] = ['file', 'directory', 'symlink', 'socket', 'fifo', 'device', 'unknown'];
const START = 4096;

/**
 * The names of one directory, or the first of them where there are too many, in one piece of memory: a million strings
 * would take five times as much, and leave as much again for the collector.
 */
class Names {
  readonly #room: number;
  #bytes = Buffer.allocUnsafeSlow(START);
  /** `#bytes` before the last cut: the collector would free it late. */
  #spare: Buffer<ArrayBuffer> | null = null;
  #used = 0;
  /** Where each begins; the next one ends it. */
  #starts = new Uint32Array(START / 16);
  #kinds = new Uint8Array(START / 16);
  #count = 0;
  /** Of those that are kept, once greater ones were left out for the next listing. */
  #greatest: ByteString | null = null;

  constructor(room: number) {
    this.#room = room;
  }

  /** Whether greater names were left out. */
  get more(): boolean {
    return this.#greatest !== null;
  }

  clear(): void {
    this.#used = 0;
    this.#count = 0;
    this.#greatest = null;
  }

  add(name: ByteString, kind: Child['kind']): void {
    if (this.#used + name.length > this.#bytes.length) this.#makeRoom();
    if (this.#greatest !== null && name > this.#greatest) return;
    if (this.#count + 1 >= this.#starts.length) {
      this.#starts = grown(this.#starts, new Uint32Array(2 * this.#starts.length));
      this.#kinds = grown(this.#kinds, new Uint8Array(2 * this.#kinds.length));
    }
    this.#kinds[this.#count] = KINDS.indexOf(kind);
    this.#used += this.#bytes.write(name, this.#used, 'latin1');
    this.#starts[++this.#count] = this.#used;
  }

  *inOrder(): Generator<Child, void> {
    for (const i of this.#sorted())
      yield {
        name: this.#bytes.toString('latin1', this.#starts[i], this.#starts[i + 1]) as ByteString,
        kind: KINDS[this.#kinds[i]!]!,
      };
  }

  #makeRoom(): void {
    const larger = Math.min(2 * this.#bytes.length, this.#room);
    if (larger - this.#bytes.length >= 256) this.#bytes = grown(this.#bytes, Buffer.allocUnsafeSlow(larger));
    else this.#keepFirst();
  }

  /** Keeps the smaller half. */
  #keepFirst(): void {
    const kept = new Names(this.#room);
    kept.#bytes = this.#spare ?? Buffer.allocUnsafeSlow(this.#bytes.length);
    for (const { name, kind } of this.inOrder()) {
      if (kept.#used > 0 && kept.#used + name.length > this.#used / 2) break;
      kept.add(name, kind);
      this.#greatest = name;
    }
    // Only what is as large as it may get is cut, so both stay of one size.
    this.#spare = this.#bytes;
    this.#bytes = kept.#bytes;
    this.#used = kept.#used;
    this.#starts = kept.#starts;
    this.#kinds = kept.#kinds;
    this.#count = kept.#count;
  }

  #sorted(): Uint32Array {
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i);
    return order.sort((a, b) =>
      this.#bytes.compare(this.#bytes, this.#starts[b], this.#starts[b + 1], this.#starts[a], this.#starts[a + 1]),
    );
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
