import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { LiteralPacket } from './literal.js';
import { mdcHeader, prefixBytes } from './mdc.js';
import { packetType, PartialPacket } from './packets.js';
import { Seipd2Encryptor } from './seipd2.js';
import type { Encryption } from './sessionkey.js';

/** Parts of the outer packet: 2^16 bytes, whatever the content does. */
const outerPartExponent = 16;
/** For the cipher at once: small enough to stay in the processor's cache between two passes. */
const pieceBytes = 128 * 1024;
/** Bytes of a SEIPDv1 body that a receipt quotes. */
const head1Bytes = 64;

export interface MessageWriterOptions {
  pkesk: Uint8Array;
  sessionKey: Uint8Array;
  encryption: Encryption;
  /** Gets the suitcase's bytes in order; they are the receiver's to keep. */
  emit: (bytes: Uint8Array) => void;
}

/**
 * Writes a suitcase, `PKESK… | SEIPD { Literal 'b' { plain } }`, by `update(plain)…` then `final()`. Synchronous,
 * because a thread of its own drives it. `plain` is not kept after `update` returns.
 */
export class MessageWriter {
  readonly #literal: LiteralPacket;
  readonly #encryptor: Seipd1Encryptor | Seipd2Encryptor;
  readonly #outer: PartialPacket;
  readonly #head: Uint8Array;
  #headBytes = 0;
  /** Bytes inside the SEIPD so far, without v1 prefix and MDC. */
  plaintextOctets = 0;

  constructor(o: MessageWriterOptions) {
    o.emit(o.pkesk);
    this.#outer = new PartialPacket(packetType.seipd, outerPartExponent, o.emit);
    this.#head = new Uint8Array(o.encryption.packet === 'SEIPDv2' ? 36 : head1Bytes);
    const body = (bytes: Uint8Array): void => this.#body(bytes);
    this.#encryptor =
      o.encryption.packet === 'SEIPDv2'
        ? new Seipd2Encryptor(o.sessionKey, o.encryption.aead, o.encryption.chunkOctet, body)
        : new Seipd1Encryptor(o.sessionKey, body);
    this.#literal = new LiteralPacket((bytes) => {
      this.plaintextOctets += bytes.length;
      this.#encryptor.update(bytes);
    });
  }

  update(plain: Uint8Array): void {
    for (let offset = 0; offset < plain.length; offset += pieceBytes)
      this.#literal.write(plain.subarray(offset, offset + pieceBytes));
  }

  final(): void {
    this.#literal.final();
    this.#encryptor.final();
    this.#outer.final();
  }

  /** After `final`: for the key proof, 36 (v2) or 64 (v1) bytes. */
  get head(): Uint8Array {
    return this.#head.slice(0, this.#headBytes);
  }

  /** After `final`: the last 16 bytes of the suitcase, the final AEAD tag; null for SEIPDv1. */
  get tail(): Uint8Array | null {
    return this.#encryptor instanceof Seipd2Encryptor ? this.#encryptor.tail : null;
  }

  #body(bytes: Uint8Array): void {
    if (this.#headBytes < this.#head.length) {
      const quoted = bytes.subarray(0, this.#head.length - this.#headBytes);
      this.#head.set(quoted, this.#headBytes);
      this.#headBytes += quoted.length;
    }
    this.#outer.write(bytes);
  }
}

/** Turns packets into the body of a SEIPDv1 packet (see mdc.ts), with AES-256 in CFB. GnuPG reads this one. */
export class Seipd1Encryptor {
  readonly #cipher;
  readonly #sha1 = createHash('sha1');
  readonly #emit: (bytes: Uint8Array) => void;

  constructor(sessionKey: Uint8Array, emit: (bytes: Uint8Array) => void) {
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
