/**
 * SEIPD version 1 (RFC 9580 section 5.13.1): AES in CFB over a random prefix, the packets, and an
 * MDC packet with the SHA-1 of all that. GnuPG reads this one.
 */
import { createCipheriv, randomBytes } from 'node:crypto';
import { sha1, type Digest } from '../primitives.js';
import { type Aes, CfbDecipher } from './cfb.js';
import { mdcHeader, MdcReader, prefixBytes } from './mdc.js';

/** Turns packets into the body of a SEIPDv1 packet, with AES-256. */
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

/** The reverse: gives packets as they are decrypted, before anything is authenticated, and checks at the end (mdc.ts). */
export class Seipd1Decryptor {
  readonly #decipher;
  readonly #inside: MdcReader;

  constructor(sessionKey: Uint8Array, cipher: Aes, plain: (bytes: Uint8Array) => void, digest: Digest = sha1()) {
    this.#decipher = new CfbDecipher(cipher, sessionKey);
    this.#inside = new MdcReader(plain, digest);
  }

  /** `body`: what follows the version byte. */
  write(body: Uint8Array): void {
    this.#inside.write(this.#decipher.update(body));
  }

  /** Throws 'verification-failed' unless the digest is right. */
  end(): void {
    this.#inside.end();
  }

  /** Bytes of the packets inside, without prefix and MDC packet. */
  get plaintextOctets(): number {
    return this.#inside.plaintextOctets;
  }
}
