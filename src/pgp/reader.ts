/**
 * Reads suitcases and other people's messages of the same form (RFC 9580 section 10.3):
 *
 *     PKESK… | SEIPD version 1 or 2 { Literal }
 *
 * in one pass, whatever the chunking, with bounded memory. Every failure is 'verification-failed'; a
 * form that is valid but not ours says so and gives the line that opens it.
 */
import type { Digest } from '../primitives.js';
import type { Aes } from './cfb.js';
import { parseHead } from './chunks.js';
import { LiteralReader } from './literal.js';
import type { Preamble } from './preamble.js';
import { Seipd1Decryptor } from './seipd1.js';
import { Seipd2Decryptor } from './seipd2.js';
import { StructureReader } from './structure.js';
export { readPreamble } from './preamble.js';
export type { Preamble } from './preamble.js';
export { StructureReader } from './structure.js';

export interface MessageReaderOptions {
  preamble: Preamble;
  sessionKey: Uint8Array;
  /** For SEIPDv1: what `unwrapSessionKey` said; AES-256 when left out. */
  cipher?: Aes | null;
  /**
   * Gets the content of the literal packet in order. SEIPDv2: each chunk after it authenticated.
   * SEIPDv1: nothing counts before `end()` has returned.
   */
  plain: (bytes: Uint8Array) => void;
  /** SHA-1 for the MDC of SEIPDv1; in this thread when left out. */
  sha1?: Digest;
}

/** `write(preamble.rest)`, `write(…)…`, then `end()`, which throws unless all was there and authentic. */
export class MessageReader {
  readonly #structure: StructureReader;
  readonly #decryptor: Seipd1Decryptor | Seipd2Decryptor;
  readonly #inner: LiteralReader;
  readonly #isVersion2: boolean;

  constructor(o: MessageReaderOptions) {
    const { encryption, head } = o.preamble;
    this.#isVersion2 = encryption.packet === 'SEIPDv2';
    this.#inner = new LiteralReader(o.plain, !this.#isVersion2);
    const packets = (bytes: Uint8Array): void => this.#inner.write(bytes);
    this.#decryptor = this.#isVersion2
      ? new Seipd2Decryptor(o.sessionKey, parseHead(head), packets)
      : new Seipd1Decryptor(o.sessionKey, o.cipher ?? 'AES-256', packets, o.sha1);
    this.#structure = new StructureReader({ preamble: o.preamble, body: (bytes) => this.#decryptor.write(bytes) });
  }

  write(raw: Uint8Array): void {
    this.#structure.write(raw);
  }

  /** Throws 'verification-failed' unless complete, authentic, exactly one literal packet, nothing after it. */
  end(): void {
    this.#structure.end();
    this.#decryptor.end();
    this.#inner.end();
  }

  /** As StructureReader's: 36 bytes (v2), 64 or fewer (v1). */
  get head(): Uint8Array {
    return this.#structure.head;
  }

  /** After `end`: the final AEAD tag, 16 bytes; null for SEIPDv1. */
  get tail(): Uint8Array | null {
    return this.#isVersion2 ? this.#structure.tail : null;
  }

  /** Bytes of all packets inside, as the final AEAD tag counts them. */
  get plaintextOctets(): number {
    return this.#decryptor.plaintextOctets;
  }
}
