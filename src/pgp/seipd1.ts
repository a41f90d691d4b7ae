import { createCipheriv, randomBytes } from 'node:crypto';
import { sha1, type Digest } from '../primitives.js';
import { mdcHeader, prefixBytes } from './mdc.js';

/** Turns packets into the body of a SEIPDv1 packet (see mdc.ts), with AES-256 in CFB. GnuPG reads this one. */
export class Seipd1Encryptor {
  readonly #cipher;
  readonly #sha1: Digest;
  readonly #emit: (bytes: Uint8Array) => void;

  constructor(sessionKey: Uint8Array, emit: (bytes: Uint8Array) => void, digest: Digest = sha1()) {
    this.#sha1 = digest;
    this.#cipher = createCipheriv('aes-256-cfb', sessionKey, new Uint8Array(16));
    this.#emit = emit;
    const prefix = randomBytes(prefixBytes);
    prefix.copyWithin(prefixBytes - 2, prefixBytes - 4, prefixBytes - 2);
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
