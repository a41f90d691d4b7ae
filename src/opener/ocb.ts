/**
 * AES-OCB with tags of 16 bytes (RFC 7253), whose block step a browser does natively: CBC decryption gives D(X[i]) xor
 * X[i-1] for all blocks at once, in parallel. What is left is XOR. The few single encryptions come from a library.
 */
import { double } from '../pgp/eax.js';

type Bytes = Uint8Array<ArrayBuffer>;
/** Encrypts whole blocks, each by itself. */
type EncryptBlocks = (blocks: Uint8Array) => Uint8Array;

const block = 16;
const tagBytes = 16;

/** The offsets' ingredients (section 4.1): L_*, L_$ and L_0, L_1, …, as 32-bit words in the machine's order. */
class Table {
  readonly star: Uint8Array;
  readonly dollar: Uint8Array;
  readonly #doubled: Uint32Array[] = [];
  #last: Uint8Array;

  constructor(encrypt: EncryptBlocks) {
    this.star = encrypt(new Uint8Array(block));
    this.dollar = double(this.star);
    this.#last = this.dollar;
  }

  /** L of the number of trailing zeros of `i`. */
  at(i: number): Uint32Array {
    const zeros = 31 - Math.clz32(i & -i);
    while (this.#doubled.length <= zeros) {
      this.#last = double(this.#last);
      this.#doubled.push(words(this.#last));
    }
    return this.#doubled[zeros]!;
  }
}

function importKey(key: Uint8Array) {
  return crypto.subtle.importKey('raw', new Uint8Array(key), 'AES-CBC', false, ['decrypt']);
}

/** One key; any number of messages. */
export class Ocb {
  readonly #encrypt: EncryptBlocks;
  readonly #table: Table;
  readonly #cbc: ReturnType<typeof importKey>;

  constructor(key: Uint8Array, encrypt: EncryptBlocks) {
    this.#encrypt = encrypt;
    this.#table = new Table(encrypt);
    this.#cbc = importKey(key);
  }

  /** `sealed` is ciphertext and tag, in memory of its own. Null when the tag is wrong (section 4.3). */
  async decrypt(nonce: Uint8Array, aad: Uint8Array, sealed: Bytes): Promise<Bytes | null> {
    const length = sealed.length - tagBytes;
    const blocks = Math.floor(length / block);
    const plain = new Uint8Array(length);
    const offset = words(firstOffset(this.#encrypt, nonce));
    const checksum = new Uint32Array(4);
    await this.#blocks(sealed, blocks, plain, offset, checksum);
    const rest = length % block;
    if (rest > 0) {
      mix(offset, words(this.#table.star));
      const pad = this.#encrypt(bytesOf(offset));
      const last = new Uint8Array(block);
      for (let i = 0; i < rest; i++) last[i] = plain[blocks * block + i] = sealed[blocks * block + i]! ^ pad[i]!;
      last[rest] = 0x80;
      mix(checksum, words(last));
    }
    mix(checksum, offset);
    mix(checksum, words(this.#table.dollar));
    const tag = words(this.#encrypt(bytesOf(checksum)));
    mix(tag, words(hash(this.#encrypt, this.#table, aad)));
    const expected = bytesOf(tag);
    let difference = 0;
    for (let i = 0; i < tagBytes; i++) difference |= expected[i]! ^ sealed[length + i]!;
    return difference === 0 ? plain : null;
  }

  /** The whole blocks; leaves offset and checksum behind the last. */
  async #blocks(
    sealed: Bytes,
    blocks: number,
    plain: Bytes,
    offset: Uint32Array,
    checksum: Uint32Array,
  ): Promise<void> {
    if (blocks === 0) return;
    const start = offset.slice();
    const ciphertext = new Uint32Array(sealed.buffer, sealed.byteOffset, blocks * 4);
    // One block more: what CBC takes off as padding.
    const input = new Uint32Array(4 * (blocks + 1));
    for (let i = 1, at = 0; i <= blocks; i++, at += 4) {
      mix(offset, this.#table.at(i));
      for (let w = 0; w < 4; w++) input[at + w] = ciphertext[at + w]! ^ offset[w]!;
    }
    const padding = new Uint32Array(4).fill(0x10101010);
    mix(padding, input.subarray(4 * blocks - 4, 4 * blocks));
    input.set(words(this.#encrypt(bytesOf(padding))), 4 * blocks);
    const output = new Uint32Array(
      await crypto.subtle.decrypt({ name: 'AES-CBC', iv: new Uint8Array(block) }, await this.#cbc, input),
    );
    const result = new Uint32Array(plain.buffer, plain.byteOffset, blocks * 4);
    let [c0, c1, c2, c3, p0, p1, p2, p3] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = 1, at = 0; i <= blocks; i++, at += 4) {
      mix(start, this.#table.at(i));
      c0 ^= result[at] = output[at]! ^ p0 ^ start[0]!;
      c1 ^= result[at + 1] = output[at + 1]! ^ p1 ^ start[1]!;
      c2 ^= result[at + 2] = output[at + 2]! ^ p2 ^ start[2]!;
      c3 ^= result[at + 3] = output[at + 3]! ^ p3 ^ start[3]!;
      [p0, p1, p2, p3] = [input[at]!, input[at + 1]!, input[at + 2]!, input[at + 3]!];
    }
    checksum.set([c0, c1, c2, c3]);
  }
}

/** The tag over no text and this associated data. */
export function ocbTag(encrypt: EncryptBlocks, nonce: Uint8Array, aad: Uint8Array): Uint8Array {
  const table = new Table(encrypt);
  const input = words(firstOffset(encrypt, nonce));
  mix(input, words(table.dollar));
  const tag = words(encrypt(bytesOf(input)));
  mix(tag, words(hash(encrypt, table, aad)));
  return bytesOf(tag);
}

/** HASH (section 4.1). */
function hash(encrypt: EncryptBlocks, table: Table, aad: Uint8Array): Uint8Array {
  const sum = new Uint32Array(4);
  const offset = new Uint32Array(4);
  const blocks = Math.floor(aad.length / block);
  const add = (input: Uint8Array): void => {
    const mixed = words(input);
    mix(mixed, offset);
    mix(sum, words(encrypt(bytesOf(mixed))));
  };
  for (let i = 1; i <= blocks; i++) {
    mix(offset, table.at(i));
    add(aad.subarray((i - 1) * block, i * block));
  }
  if (aad.length % block > 0) {
    const last = new Uint8Array(block);
    last.set(aad.subarray(blocks * block));
    last[aad.length % block] = 0x80;
    mix(offset, words(table.star));
    add(last);
  }
  return bytesOf(sum);
}

/** Offset_0 for a nonce of up to 15 bytes (section 4.2). */
function firstOffset(encrypt: EncryptBlocks, nonce: Uint8Array): Uint8Array {
  const input = new Uint8Array(block);
  input[block - nonce.length - 1] = 1;
  input.set(nonce, block - nonce.length);
  const bottom = input[block - 1]! & 0x3f;
  input[block - 1]! &= 0xc0;
  const top = encrypt(input);
  const stretch = new Uint8Array(block + 9);
  stretch.set(top);
  for (let i = 0; i < 8; i++) stretch[block + i] = top[i]! ^ top[i + 1]!;
  const [skip, shift] = [bottom >> 3, bottom & 7];
  return Uint8Array.from(
    { length: block },
    (_, i) => ((stretch[skip + i]! << shift) | (stretch[skip + i + 1]! >> (8 - shift))) & 0xff,
  );
}

/** A block as words of its own. */
function words(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(bytes.slice(0, block).buffer);
}

function bytesOf(value: Uint32Array): Uint8Array {
  return new Uint8Array(value.slice().buffer);
}

function mix(target: Uint32Array, other: Uint32Array): void {
  target[0]! ^= other[0]!;
  target[1]! ^= other[1]!;
  target[2]! ^= other[2]!;
  target[3]! ^= other[3]!;
}
