import { LiteralPacket } from './literal.js';
import { packetType, PartialPacket } from './packets.js';
import { Seipd1Encryptor } from './seipd1.js';
import type { Digest } from '../primitives.js';
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
  /** SHA-1 for the MDC of SEIPDv1; in this thread when left out. */
  sha1?: Digest;
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
        : new Seipd1Encryptor(o.sessionKey, body, o.sha1);
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
