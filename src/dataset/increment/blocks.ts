import { hash } from 'node:crypto';
import { fromText } from '../bytestring.js';
import { hkdfSha256 } from '../../primitives.js';
import { CUT } from './cut.js';

/** Bytes of a block's digest. */
export const DIGEST = 16;
/** No block is longer, and none shorter but the last of a content. The mean is about 1,400 bytes: see decision 20. */
export const MAX_BLOCK = 8192;
const MIN_BLOCK = 384;
/** Ten zeros at the top of the sum: 1,024 bytes on average behind the first `MIN_BLOCK`. */
const MASK = 0xffc00000 | 0;

/** Where content begins in the memory of cut.wat; its table lies before. */
const START = 1024;
const KEY = 32;

interface Cutter {
  memory: WebAssembly.Memory;
  cut: (from: number, to: number, min: number, max: number, mask: number) => number;
}

/** What becomes of the blocks of a content. `digest` and the bytes are valid during the call only. */
export type TakeBlock = (bytes: Buffer, digest: Buffer) => void;

/**
 * Cuts contents into blocks and digests each. Both are keyed with what is random for each chain: so nobody who puts data
 * into the dataset can aim at where blocks end, or make two of them that look alike. The digest is SHA-256 of key and
 * block, cut to 128 bits.
 *
 * Content is put into `room`, and `added` told how much. One content at a time.
 */
export class BlockCutter {
  readonly #memory: Buffer;
  readonly #cut: Cutter['cut'];
  readonly #keyed = Buffer.alloc(KEY + MAX_BLOCK);
  /** Content that is in no block yet lies between these. */
  #from = START;
  #to = START;

  /** `key`: 32 random bytes. */
  constructor(key: Uint8Array) {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(CUT, 'base64')));
    const { memory, cut } = instance.exports as unknown as Cutter;
    this.#memory = Buffer.from(memory.buffer);
    this.#cut = cut;
    this.#memory.set(derived(key, 'gear', START));
    this.#keyed.set(derived(key, 'digest', KEY));
  }

  /** Where the next bytes go: 1 MiB or more. */
  room(): Buffer {
    if (this.#from > START) {
      this.#memory.copyWithin(START, this.#from, this.#to);
      this.#to -= this.#from - START;
      this.#from = START;
    }
    return this.#memory.subarray(this.#to);
  }

  /** `length` bytes were put where `room` said; gives out those blocks whose end is certain. */
  added(length: number, take: TakeBlock): void {
    this.#to += length;
    while (this.#to - this.#from >= MAX_BLOCK) this.#give(take);
  }

  /** Nothing follows: gives out what is left. */
  end(take: TakeBlock): void {
    while (this.#to > this.#from) this.#give(take);
    this.#from = this.#to = START;
  }

  #give(take: TakeBlock): void {
    const end = this.#cut(this.#from, this.#to, MIN_BLOCK, MAX_BLOCK, MASK);
    const block = this.#memory.subarray(this.#from, end);
    this.#keyed.set(block, KEY);
    this.#from = end;
    take(block, hash('sha256', this.#keyed.subarray(0, KEY + block.length), 'buffer'));
  }
}

function derived(key: Uint8Array, what: string, length: number): Uint8Array {
  return hkdfSha256(key, new Uint8Array(0), Buffer.from(fromText(`depot blocks 1 ${what}`), 'latin1'), length);
}
