import type { UnwrappedSessionKey } from '../pgp/sessionkey.js';
import type { Consumer } from '../open/consumer.js';
import type { Limit } from '../open/opening.js';
import type { CipherThreads } from './cipher-threads.js';
import { open, type Opened } from './open-blob.js';
import type { Sealed } from './suitcase-blob.js';

/** A suitcase, and what opens it. Whoever made this wipes the session key. */
export interface Unlocked extends Sealed, Pick<UnwrappedSessionKey, 'sessionKey' | 'cipher'> {}

/** Reads suitcases, one after the other, and tells how far it is with all of them. */
export class SuitcaseReader {
  readonly #threads: CipherThreads;
  readonly #progress: (bytes: number, total: number) => void;
  #total = 0;
  #done = 0;

  constructor(threads: CipherThreads, progress: (bytes: number, total: number) => void) {
    this.#threads = threads;
    this.#progress = progress;
  }

  /** So many bytes of suitcases will be read. */
  expect(bytes: number): void {
    this.#total = bytes;
    this.#done = 0;
  }

  /** Of what is read now. */
  reached(bytes: number): void {
    this.#progress(this.#done + bytes, this.#total);
  }

  /** `expected`: digests of a first reading. @throws as `open` */
  async open(
    unlocked: Unlocked,
    consumer: Consumer,
    limit: Limit | null,
    expected: Uint8Array[] | null = null,
  ): Promise<Opened> {
    const progress = (bytes: number): void => this.reached(bytes);
    const opened = await open({ ...unlocked, threads: this.#threads, expected, progress }, consumer, limit);
    this.#done += unlocked.suitcase.size;
    return opened;
  }

  /** Of the beginning alone, which tells of no progress. */
  peek(unlocked: Unlocked, consumer: Consumer): Promise<unknown> {
    return open({ ...unlocked, threads: this.#threads, expected: null, progress: () => undefined }, consumer, null);
  }
}
