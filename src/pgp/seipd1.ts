/**
 * SEIPD version 1 (RFC 9580 section 5.13.1): AES in CFB over a random prefix, the packets, and an
 * MDC packet with the SHA-1 of all that. GnuPG reads this one.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Cfb } from './cfb.js';
import type { Aes } from './cfb.js';
import { malformed } from './packets.js';

const block = 16;
/** Random block and the repetition of its last two octets. */
export const prefixOctets = block + 2;
/** 0xD3 0x14 and the 20 octets of a SHA-1. */
const mdcOctets = 22;
const mdcHeader = Uint8Array.of(0xd3, 0x14);


/** An incremental SHA-1: Node's, or one that does its work on another thread. */
export interface Digest {
  /** The bytes must not be used after the return. */
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** Turns packets into the body of a SEIPDv1 packet, with AES-256. */
export class Seipd1Encryptor {
  readonly #cipher;
  readonly #sha1: Digest;
  readonly #emit: (bytes: Uint8Array) => void;

  constructor(sessionKey: Uint8Array, emit: (bytes: Uint8Array) => void, sha1: Digest = createHash('sha1')) {
    this.#sha1 = sha1;
    this.#cipher = new Cfb('encrypt', 'AES-256', sessionKey);
    this.#emit = emit;
    const prefix = randomBytes(prefixOctets);
    prefix.copyWithin(block, block - 2, block);
    this.#sha1.update(prefix);
    emit(Buffer.concat([Uint8Array.of(1), this.#cipher.update(prefix)]));
  }

  update(plain: Uint8Array): void {
    this.#sha1.update(plain);
    this.#emit(this.#cipher.update(plain));
  }

  final(): void {
    this.#sha1.update(mdcHeader);
    this.#emit(Buffer.concat([this.#cipher.update(mdcHeader), this.#cipher.update(this.#sha1.digest())]));
  }
}

/**
 * The reverse: gives packets as they are decrypted, before anything is authenticated, and checks at
 * the end. Neither the repetition in the prefix nor anything else is judged earlier, so that nobody
 * learns about the plaintext from the moment of failure (RFC 9580 section 13.7).
 */
export class Seipd1Decryptor {
  readonly #decipher;
  readonly #sha1: Digest;
  readonly #plain: (bytes: Uint8Array) => void;
  #prefixLeft = prefixOctets;
  /** The last octets so far, which may turn out to be the MDC packet. */
  #tail: Uint8Array = new Uint8Array(0);
  /** Octets of the packets inside, without prefix and MDC packet. */
  plaintextOctets = 0;

  constructor(sessionKey: Uint8Array, cipher: Aes, plain: (bytes: Uint8Array) => void, sha1: Digest = createHash('sha1')) {
    this.#sha1 = sha1;
    this.#decipher = new Cfb('decrypt', cipher, sessionKey);
    this.#plain = plain;
  }

  /** `body`: what follows the version octet. */
  write(body: Uint8Array): void {
    let bytes: Uint8Array = this.#decipher.update(body);
    if (this.#prefixLeft > 0) {
      const prefix = bytes.subarray(0, this.#prefixLeft);
      this.#sha1.update(prefix);
      this.#prefixLeft -= prefix.length;
      bytes = bytes.subarray(prefix.length);
    }
    if (bytes.length < mdcOctets) bytes = Buffer.concat([this.#tail, bytes]);
    else this.#release(this.#tail);
    const released = Math.max(0, bytes.length - mdcOctets);
    this.#release(bytes.subarray(0, released));
    this.#tail = bytes.subarray(released);
  }

  /** Throws 'verification-failed' unless the digest is right. */
  end(): void {
    if (this.#tail.length < mdcOctets) throw malformed('the encrypted data is too short');
    this.#sha1.update(mdcHeader);
    const expected = Buffer.concat([mdcHeader, this.#sha1.digest()]);
    if (!timingSafeEqual(expected, this.#tail)) throw malformed('the encrypted data was changed or cut short, or this is not its key');
  }

  #release(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#sha1.update(bytes);
    this.plaintextOctets += bytes.length;
    this.#plain(bytes);
  }
}
