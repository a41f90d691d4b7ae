/**
 * Reads suitcases and other people's messages of the same form (RFC 9580 section 10.3):
 *
 *     PKESK… | SEIPD version 1 or 2 { Literal }
 *
 * in one pass, whatever the chunking, with bounded memory. Every failure is 'verification-failed'; a
 * form that is valid but not ours says so and gives the line that opens it.
 */
import type { Aes } from './cfb.js';
import { LiteralReader } from './literal.js';
import { concat, malformed, packetType, PacketParser } from './packets.js';
import type { PacketHeader } from './packets.js';
import type { Preamble } from './preamble.js';
import { Seipd1Decryptor } from './seipd1.js';
import type { Digest } from './seipd1.js';
import { headOctets, parseHead, Seipd2Decryptor, tagOctets } from './seipd2.js';
export { readPreamble } from './preamble.js';
export type { Preamble } from './preamble.js';

/**
 * The outer packet alone: that there is exactly one SEIPD packet, whole, with nothing after it. Needs
 * no key, so that `verify` can say that much of a suitcase that it cannot open.
 */
export class StructureReader {
  readonly #parser: PacketParser;
  readonly #expectedHead: Uint8Array;
  readonly #head: Uint8Array;
  readonly #body: (bytes: Uint8Array) => void;
  #headOctets = 0;
  #packets = 0;
  #last: Uint8Array = new Uint8Array(0);
  /** After the head: version octet (v1) or 36 octets (v2), which are not part of `body`. */
  #skip: number;

  /** `body` gets the octets of the SEIPD body after the version octet (v1) or the 36 octets of the head (v2). */
  constructor(o: { preamble: Preamble; body?: (bytes: Uint8Array) => void }) {
    this.#expectedHead = o.preamble.head;
    this.#head = new Uint8Array(o.preamble.head.length);
    this.#body = o.body ?? (() => undefined);
    this.#skip = o.preamble.encryption.packet === 'SEIPDv1' ? 1 : headOctets;
    this.#parser = new PacketParser({ begin: (header) => this.#begin(header), body: (bytes) => this.#content(bytes), end: () => undefined });
  }

  /** `raw`: the suitcase from its SEIPD packet on (`preamble.rest`, then what follows it); not kept. */
  write(raw: Uint8Array): void {
    this.#parser.write(raw);
  }

  end(): void {
    this.#parser.end();
    if (this.#packets !== 1 || this.#headOctets < this.#head.length) throw malformed('it ends before the encrypted data');
  }

  /** The first octets of the body for the key proof: 36 (v2), 64 or fewer (v1). */
  get head(): Uint8Array {
    return this.#head;
  }

  /** The last 16 octets of the body. */
  get tail(): Uint8Array {
    return this.#last;
  }

  #begin(header: PacketHeader): void {
    this.#packets++;
    if (this.#packets > 1 || header.type !== packetType.seipd) throw malformed('something follows the encrypted data');
  }

  #content(bytes: Uint8Array): void {
    if (this.#headOctets < this.#head.length) this.#checkHead(bytes);
    this.#last = concat(this.#last, bytes.subarray(-tagOctets)).subarray(-tagOctets);
    const skip = Math.min(this.#skip, bytes.length);
    this.#skip -= skip;
    if (bytes.length > skip) this.#body(bytes.subarray(skip));
  }

  /** A second pass must meet the message of the first. */
  #checkHead(bytes: Uint8Array): void {
    const octets = Math.min(this.#head.length - this.#headOctets, bytes.length);
    this.#head.set(bytes.subarray(0, octets), this.#headOctets);
    this.#headOctets += octets;
    if (this.#head.some((octet, i) => i < this.#headOctets && octet !== this.#expectedHead[i])) throw malformed('it changed while it was read');
  }
}

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

  /** As StructureReader's: 36 octets (v2), 64 or fewer (v1). */
  get head(): Uint8Array {
    return this.#structure.head;
  }

  /** After `end`: the final AEAD tag, 16 octets; null for SEIPDv1. */
  get tail(): Uint8Array | null {
    return this.#isVersion2 ? this.#structure.tail : null;
  }

  /** Octets of all packets inside, as the final AEAD tag counts them. */
  get plaintextOctets(): number {
    return this.#decryptor.plaintextOctets;
  }
}
