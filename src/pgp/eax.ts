/** AES in EAX mode, to read what others wrote (RFC 9580 section 5.13.3): CTR and CMACs (RFC 4493). OpenSSL has none. */
import { aesEncrypt, sameBytes } from '../primitives.js';
import { concat } from './packets.js';

const block = 16;

/** Has the methods of a Node decipher that `seipd2.ts` uses. */
export class EaxDecipher {
  readonly #ctr;
  readonly #nonceMac: Uint8Array;
  readonly #aadMac: Uint8Array;
  readonly #textMac: Cmac;
  #expected: Uint8Array = new Uint8Array(0);

  constructor(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array) {
    this.#nonceMac = new Cmac(key, 0).update(nonce).digest();
    this.#aadMac = new Cmac(key, 1).update(aad).digest();
    this.#textMac = new Cmac(key, 2);
    this.#ctr = aesEncrypt('ctr', key, this.#nonceMac);
  }

  update(ciphertext: Uint8Array): Uint8Array {
    this.#textMac.update(ciphertext);
    return this.#ctr.update(ciphertext);
  }

  setAuthTag(tag: Uint8Array): void {
    this.#expected = tag;
  }

  /** Throws when the tag is wrong. */
  final(): Uint8Array {
    if (!sameBytes(this.tag(), this.#expected)) throw new Error('EAX tag mismatch');
    return new Uint8Array(0);
  }

  /** The tag for what was given to `update`. */
  tag(): Uint8Array {
    const textMac = this.#textMac.digest();
    return textMac.map((byte, i) => byte ^ this.#nonceMac[i]! ^ this.#aadMac[i]!);
  }
}

/** CMAC over a block with the number `tweak` and what follows: EAX's OMAC. */
class Cmac {
  readonly #cbc;
  readonly #subkeys: [whole: Uint8Array, padded: Uint8Array];
  /** 1 to 16 bytes: the last block is treated apart. */
  #held: Uint8Array;

  constructor(key: Uint8Array, tweak: 0 | 1 | 2) {
    const whole = double(aesEncrypt('ecb', key).update(new Uint8Array(block)));
    this.#subkeys = [whole, double(whole)];
    this.#cbc = aesEncrypt('cbc', key, new Uint8Array(block));
    this.#held = new Uint8Array(block);
    this.#held[block - 1] = tweak;
  }

  update(bytes: Uint8Array): this {
    if (bytes.length === 0) return this;
    const all = concat(this.#held, bytes);
    const last = all.length % block || block;
    this.#cbc.update(all.subarray(0, all.length - last));
    this.#held = all.subarray(all.length - last);
    return this;
  }

  digest(): Uint8Array {
    const [whole, padded] = this.#subkeys;
    const last = new Uint8Array(block);
    last.set(this.#held);
    if (this.#held.length < block) last[this.#held.length] = 0x80;
    const subkey = this.#held.length === block ? whole : padded;
    return this.#cbc.update(last.map((byte, i) => byte ^ subkey[i]!));
  }
}

/** Multiplication by x in GF(2^128), big-endian (RFC 4493 section 2.3, RFC 7253 section 2). */
export function double(value: Uint8Array): Uint8Array {
  const doubled = value.map((byte, i) => ((byte << 1) | ((value[i + 1] ?? 0) >> 7)) & 0xff);
  doubled[block - 1]! ^= value[0]! >> 7 === 1 ? 0x87 : 0;
  return doubled;
}
