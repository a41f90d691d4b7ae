import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { DepotError } from '../errors.js';
import type { MessageReader } from '../pgp/reader.js';
import type { Digest } from '../primitives.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Octets read at once, and the length of the stretches that a second pass over the same file is held against. */
const SEGMENT_OCTETS = 4 << 20;
/** Content that comes in smaller pieces is put together: OpenPGP allows parts of one octet, each of which would cost an object. */
const SMALL_OCTETS = 4096;
const COLLECTED_OCTETS = 64 * 1024;
/** Octets kept of a stretch's digest: 16 suffice against a second preimage, and a TiB leaves 4 MiB of them. */
const SEGMENT_DIGEST_OCTETS = 16;

export interface SuitcaseSourceOptions {
  /** Read from where it stands to its end. */
  fd: number;
  /** What was read from it already; its last `rest` octets begin at the encrypted packet, where the message starts. */
  consumed: Uint8Array;
  rest: number;
  message: (plain: (bytes: Uint8Array) => void) => MessageReader;
  /** A SHA-256 for the whole file; null where `segments` are wanted too, which only one that can be copied gives. */
  digest: Digest | null;
  /** Digests of a first pass: a stretch that differs is an error before any of it is decrypted. */
  expected: Uint8Array | null;
  progress: (bytes: number) => void;
}

/**
 * The beginning of every opening: suitcase | digest | OpenPGP parse | decrypt. Iterating gives the content of the literal
 * packet, *not yet authenticated* where the packet is SEIPDv1; the iteration ends only when everything was.
 *
 * Breaking off the iteration does not close it: what came out may have been nonsense because the suitcase was changed, and
 * only the rest of it tells. So `authenticate` reads on where a consumer gave up.
 */
export class SuitcaseSource implements Iterable<Bytes> {
  readonly #o: SuitcaseSourceOptions;
  readonly #reader: MessageReader;
  readonly #whole: Digest;
  readonly #copied: Hash | null;
  readonly #plain: Bytes[] = [];
  #small: Bytes | null = null;
  #smallOctets = 0;
  readonly #segments: Uint8Array[] = [];
  #consumed: Uint8Array | null;
  /** Octets before the encrypted packet that the message reader has seen as the preamble. */
  #skip: number;
  #ended = false;
  bytes = 0;
  sha256 = '';

  constructor(o: SuitcaseSourceOptions) {
    this.#o = o;
    this.#copied = o.digest === null ? createHash('sha256') : null;
    this.#whole = this.#copied ?? o.digest!;
    this.#consumed = o.consumed;
    this.#skip = o.consumed.length - o.rest;
    this.#reader = o.message((bytes) => { this.#take(bytes as Bytes); });
  }

  /** An iterator without `return`, see above. */
  [Symbol.iterator](): Iterator<Bytes, undefined> {
    return { next: () => this.#next() };
  }

  /** Reads what is left, so that the whole suitcase has been digested and authenticated. @throws 'verification-failed' */
  authenticate(): void {
    while (this.#next().done !== true);
  }

  get message(): MessageReader {
    return this.#reader;
  }

  /** The digests of all stretches so far, concatenated; empty when there was a `digest`. */
  get segments(): Uint8Array {
    return Buffer.concat(this.#segments);
  }

  #next(): IteratorResult<Bytes, undefined> {
    for (;;) {
      const plain = this.#plain.shift();
      if (plain) return { done: false, value: plain };
      if (this.#ended) return { done: true, value: undefined };
      const raw = this.#read();
      if (raw.length === 0) {
        this.#ended = true;
        this.sha256 = Buffer.from(this.#whole.digest()).toString('hex');
        this.#compareEnd();
        this.#reader.end();
        this.#flush();
      } else {
        this.#reader.write(raw.subarray(this.#skip));
        this.#skip = 0;
        this.#flush();
      }
    }
  }

  #take(bytes: Bytes): void {
    if (bytes.length >= SMALL_OCTETS) {
      this.#flush();
      this.#plain.push(bytes);
      return;
    }
    if (this.#smallOctets + bytes.length > COLLECTED_OCTETS) this.#flush();
    this.#small ??= new Uint8Array(COLLECTED_OCTETS);
    this.#small.set(bytes, this.#smallOctets);
    this.#smallOctets += bytes.length;
  }

  #flush(): void {
    if (this.#small === null) return;
    this.#plain.push(this.#small.subarray(0, this.#smallOctets));
    this.#small = null;
    this.#smallOctets = 0;
  }

  #read(): Uint8Array {
    const buffer = new Uint8Array(SEGMENT_OCTETS);
    let length = 0;
    if (this.#consumed) {
      buffer.set(this.#consumed);
      length = this.#consumed.length;
      this.#consumed = null;
    }
    while (length < buffer.length) {
      const read = readSync(this.#o.fd, buffer, length, buffer.length - length, null);
      if (read === 0) break;
      length += read;
    }
    const raw = buffer.subarray(0, length);
    this.bytes += length;
    this.#whole.update(raw);
    if (length > 0 && this.#copied) this.#compare(this.#copied.copy().digest().subarray(0, SEGMENT_DIGEST_OCTETS));
    this.#o.progress(this.bytes);
    return raw;
  }

  #compare(segment: Uint8Array): void {
    const at = this.#segments.length * SEGMENT_DIGEST_OCTETS;
    this.#segments.push(segment);
    const { expected } = this.#o;
    if (expected && Buffer.compare(expected.subarray(at, at + SEGMENT_DIGEST_OCTETS), segment) !== 0) throw changed();
  }

  #compareEnd(): void {
    const { expected } = this.#o;
    if (expected && expected.length !== this.#segments.length * SEGMENT_DIGEST_OCTETS) throw changed();
  }
}

function changed(): DepotError {
  return new DepotError('verification-failed', 'the suitcase changed between the first and the second reading', {
    hint: 'copy it to a place where nothing writes to it, and try again',
  });
}
