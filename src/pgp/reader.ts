/**
 * Reads suitcases and other messages of the same form (RFC 9580 section 10.3) in one pass, with bounded memory:
 *
 *     PKESK… | SEIPD version 1 or 2 { Literal }
 *
 * Every failure is 'verification-failed'; a form that is valid but not ours says how to open it.
 */
import type { Digest } from '../primitives.js';
import { CfbDecipher, type Aes } from './cfb.js';
import { parseHead } from './chunks.js';
import { LiteralReader } from './literal.js';
import { MdcReader } from './mdc.js';
import type { Preamble } from './preamble.js';
import { Seipd2Decryptor } from './seipd2.js';
import { StructureReader } from './structure.js';

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
  readonly #inside: MdcReader | Seipd2Decryptor;
  readonly #literal: LiteralReader;
  readonly #isVersion2: boolean;

  constructor(o: MessageReaderOptions) {
    const { encryption, head } = o.preamble;
    this.#isVersion2 = encryption.packet === 'SEIPDv2';
    this.#literal = new LiteralReader(o.plain, !this.#isVersion2);
    const packets = (bytes: Uint8Array): void => this.#literal.write(bytes);
    let body: (bytes: Uint8Array) => void;
    if (this.#isVersion2) {
      const decryptor = (this.#inside = new Seipd2Decryptor(o.sessionKey, parseHead(head), packets));
      body = (bytes) => decryptor.write(bytes);
    } else {
      const decipher = new CfbDecipher(o.cipher ?? 'AES-256', o.sessionKey);
      const mdc = (this.#inside = new MdcReader(packets, o.sha1));
      body = (bytes) => mdc.write(decipher.update(bytes));
    }
    this.#structure = new StructureReader({ preamble: o.preamble, body });
  }

  write(raw: Uint8Array): void {
    this.#structure.write(raw);
  }

  /** Throws 'verification-failed' unless complete, authentic, exactly one literal packet, nothing after it. */
  end(): void {
    this.#structure.end();
    this.#inside.end();
    this.#literal.end();
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
    return this.#inside.plaintextOctets;
  }
}
