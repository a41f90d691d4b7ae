/**
 * AES in CFB with a zero IV (RFC 9580 section 12.9), faster than OpenSSL's own, which does not use the
 * processor's pipeline: 1.3 times for encryption, 4 times for decryption.
 *
 * In CFB, C[i] = P[i] xor E(C[i-1]). Decryption: the keystream E(C[i-1]) is the ECB encryption of the
 * ciphertext one block late, and its blocks do not wait for each other. Encryption: with
 * K[i] = E(C[i-1]), K[i+1] = E(P[i] xor K[i]), so the keystream is the CBC encryption of the plaintext,
 * one block late, and OpenSSL has CBC in assembler. Either way: feed what comes in to another mode, XOR.
 */
import { aesEncrypt, discard, uninitialized } from '../primitives.js';
import { concat, malformed } from './packets.js';
import { xor } from './xor.js';

export type Aes = 'AES-128' | 'AES-192' | 'AES-256';
export const keyOctets = { 'AES-128': 16, 'AES-192': 24, 'AES-256': 32 } as const;
const block = 16;
/** Small enough that input, keystream and output stay in the processor's cache together. */
const pieceOctets = 32 * 1024;

/** A CFB stream in one direction; `update` returns as many octets as it gets, in new memory. */
export class Cfb {
  readonly #mode;
  /** Keystream that was made but not used yet: 1 to 16 octets. */
  #ahead: Uint8Array;

  constructor(direction: 'encrypt' | 'decrypt', cipher: Aes, key: Uint8Array) {
    if (key.length !== keyOctets[cipher]) throw malformed('the session key does not fit the cipher');
    this.#mode = direction === 'encrypt' ? aesEncrypt('cbc', key, new Uint8Array(block)) : aesEncrypt('ecb', key);
    // With a zero IV the first keystream block is E(0) in both modes.
    this.#ahead = this.#mode.update(new Uint8Array(block));
  }

  update(input: Uint8Array): Uint8Array {
    const output = uninitialized(input.length);
    for (let offset = 0; offset < input.length; offset += pieceOctets) {
      const end = Math.min(input.length, offset + pieceOctets);
      this.#piece(input.subarray(offset, end), output.subarray(offset, end));
    }
    return output;
  }

  #piece(input: Uint8Array, output: Uint8Array): void {
    // All complete blocks so far: always enough for this input, and 1 to 16 octets more.
    const keystream = this.#mode.update(input);
    const fromAhead = Math.min(this.#ahead.length, input.length);
    for (let i = 0; i < fromAhead; i++) output[i] = input[i]! ^ this.#ahead[i]!;
    const rest = input.length - fromAhead;
    xor(input.subarray(fromAhead), keystream.subarray(0, rest), output.subarray(fromAhead));
    this.#ahead =
      fromAhead < this.#ahead.length
        ? concat(this.#ahead.subarray(fromAhead), keystream)
        : new Uint8Array(keystream.subarray(rest));
    discard(keystream);
  }
}
