import type { MessageReader } from '../pgp/reader.js';
import { Gatherer } from '../pgp/structure.js';
import { changedMeanwhile } from './content-format.js';
import { readBeside, readHere, type Reading } from './read-ahead.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes kept of a stretch's digest: 16 suffice against a second preimage, and a TiB leaves 16 MiB of them. */
const SEGMENT_DIGEST_BYTES = 16;

export interface SuitcaseSourceOptions {
  /** Read from where it stands to its end. */
  fd: number;
  /** What was read from it already; its last `rest` bytes begin at the encrypted packet, where the message starts. */
  consumed: Uint8Array;
  rest: number;
  message: (plain: (bytes: Uint8Array) => void) => MessageReader;
  /** Whether a thread of its own reads and digests; then there are no `segments`. */
  isBeside: boolean;
  /** Whether `sha256` is wanted. Where `segments` are given it is made in any case. */
  isDigested: boolean;
  /** Digests of a first pass: a stretch that differs is an error before any of it is decrypted. */
  expected: Uint8Array | null;
  progress: (bytes: number) => void;
  /** Read at once where no thread does it; the length of a stretch when left out. */
  bytesAtOnce?: number;
}

/**
 * The beginning of every opening: suitcase | digest | OpenPGP parse | decrypt. Iterating gives the content of the
 * literal packet, *not yet authenticated* where the packet is SEIPDv1; the iteration ends only when everything was.
 *
 * Breaking off the iteration does not close it: what came out may have been nonsense because the suitcase was changed,
 * and only the rest of it tells. So `authenticate` reads on where a consumer gave up.
 */
export class SuitcaseSource implements Iterable<Bytes> {
  readonly #o: SuitcaseSourceOptions;
  readonly #reader: MessageReader;
  readonly #reading: Reading;
  readonly #plain: Bytes[] = [];
  readonly #gatherer = new Gatherer((bytes) => this.#plain.push(bytes));
  readonly #segments: Uint8Array[] = [];
  /** Bytes before the encrypted packet that the message reader has seen as the preamble. */
  #skip: number;
  #ended = false;
  /** What went wrong: the message reader cannot go on after it. */
  #failure: { error: unknown } | null = null;
  bytes = 0;
  /** Hex, after the end; empty when it was not wanted. */
  sha256 = '';

  constructor(o: SuitcaseSourceOptions) {
    this.#o = o;
    const { isBeside, fd, consumed, isDigested, bytesAtOnce } = o;
    this.#reading = isBeside
      ? readBeside(fd, consumed, isDigested)
      : readHere(fd, consumed, (sha256) => this.#compare(sha256.subarray(0, SEGMENT_DIGEST_BYTES)), bytesAtOnce);
    this.#skip = o.consumed.length - o.rest;
    this.#reader = o.message((bytes) => this.#gatherer.write(bytes as Bytes));
  }

  /** An iterator without `return`, see above. */
  [Symbol.iterator](): Iterator<Bytes, undefined> {
    return { next: () => this.#next() };
  }

  /** Reads what is left, so that the whole suitcase has been digested and authenticated. @throws 'verification-failed'; again what was thrown before */
  authenticate(): void {
    while (this.#next().done !== true);
  }

  get message(): MessageReader {
    return this.#reader;
  }

  /** The digests of all stretches so far, concatenated; empty when a thread beside this one read. */
  get segments(): Uint8Array {
    return Buffer.concat(this.#segments);
  }

  #next(): IteratorResult<Bytes, undefined> {
    if (this.#failure !== null) throw this.#failure.error;
    try {
      return this.#advance();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #advance(): IteratorResult<Bytes, undefined> {
    for (;;) {
      const plain = this.#plain.shift();
      if (plain) return { done: false, value: plain };
      if (this.#ended) return { done: true, value: undefined };
      const raw = this.#read();
      if (raw.length === 0) {
        this.#ended = true;
        if (this.#o.isDigested) this.sha256 = Buffer.from(this.#reading.sha256()).toString('hex');
        this.#compareEnd();
        this.#reader.end();
      } else {
        this.#reader.write(raw.subarray(this.#skip));
        this.#skip = 0;
      }
      this.#gatherer.flush();
    }
  }

  #read(): Uint8Array {
    const raw = this.#reading.next();
    this.bytes += raw.length;
    this.#o.progress(this.bytes);
    return raw;
  }

  #compare(segment: Uint8Array): void {
    const at = this.#segments.length * SEGMENT_DIGEST_BYTES;
    this.#segments.push(segment);
    const { expected } = this.#o;
    if (expected && Buffer.compare(expected.subarray(at, at + SEGMENT_DIGEST_BYTES), segment) !== 0)
      throw changedMeanwhile();
  }

  #compareEnd(): void {
    const { expected } = this.#o;
    if (expected && expected.length !== this.#segments.length * SEGMENT_DIGEST_BYTES) throw changedMeanwhile();
  }
}
