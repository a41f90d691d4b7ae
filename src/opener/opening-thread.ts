/** The opening thread of the page: everything from the files to findings, so that the page itself never waits. */
import { verifyExhibits, type Exhibits, type SuitcaseExhibit } from '../reader/exhibits.js';
import { DepotError, errorToRecord } from '../errors.js';
import { inspectSuitcase } from '../open/inspect.js';
import { readSecretKey } from '../pgp/keys.js';
import { unwrapSessionKey, type UnwrappedSessionKey } from '../pgp/sessionkey.js';
import { printable } from '../printable.js';
import { stockLines } from '../receipt/shell-lines.js';
import { Listing } from './listing.js';
import { examine, open } from './open-blob.js';
import { prepare } from './primitives.js';
import { readGiven, small } from './chosen-files.js';
import type { FromThread, Given, Kept, SaveRequest, Summary, ToThread } from './protocol.js';
import { JoinedFiles } from './folder.js';
import { TooMuch } from './folder-tree.js';
import { save, SaveFailure, stoppable } from './saving.js';
import { preambleOf, type ReadOptions, type Sealed, segmentsOf } from './suitcase-blob.js';
import { CipherThreads } from './cipher-threads.js';

interface Scope {
  onmessage: ((event: MessageEvent<ToThread>) => void) | null;
  postMessage(message: FromThread): void;
}

/** A suitcase that was opened once to its end: what a second reading needs. */
interface OpenedOnce {
  sealed: Sealed;
  sessionKey: Uint8Array;
  cipher: UnwrappedSessionKey['cipher'];
  segments: Uint8Array[];
  listing: Listing;
  joined: JoinedFiles;
  name: string;
  bytes: number;
  /** Entries in the archive, and the bound on bytes under which they came out. */
  entries: number;
  most: number;
}

export function serveOpening(): void {
  const scope = globalThis as unknown as Scope;
  const thread = new OpeningThread((message) => scope.postMessage(message));
  let busy: Promise<void> = Promise.resolve();
  scope.onmessage = ({ data }) => {
    // Not behind the saving that it is to end.
    if (data.kind === 'stop') {
      thread.stop();
      return;
    }
    busy = busy.then(() => thread.answer(data)).catch((error: unknown) => scope.postMessage(failed(error, null)));
  };
}

class OpeningThread {
  readonly #send: (message: FromThread) => void;
  #threads: CipherThreads | null = null;
  #opened: OpenedOnce | null = null;
  /** While something is being saved. */
  #stopping: AbortController | null = null;

  constructor(send: (message: FromThread) => void) {
    this.#send = send;
  }

  stop(): void {
    this.#stopping?.abort();
  }

  async answer(message: Exclude<ToThread, { kind: 'stop' }>): Promise<void> {
    switch (message.kind) {
      case 'program':
        this.#threads = new CipherThreads(message.program);
        return prepare();
      case 'verify':
        return this.#verify(message.given);
      case 'list':
        this.#send({
          kind: 'rows',
          rows: this.#opened?.listing.rows(message.text, message.count) ?? { rows: [], matching: 0 },
        });
        return;
      case 'save':
        return this.#save(message.what);
    }
  }

  async #verify(given: Given): Promise<void> {
    this.#opened?.sessionKey.fill(0);
    this.#opened = null;
    const warnings: string[] = [];
    const { suitcase } = given;
    const key =
      given.key === null
        ? null
        : await readSecretKey(await small(given.key), () =>
            Promise.resolve(given.passphrase === '' ? undefined : given.passphrase),
          );
    const { receipt, signature, aside } = await readGiven(given, key?.fingerprint ?? null);
    let opened: { once: OpenedOnce; summary: Summary } | null = null;
    let name = suitcase === null ? '' : suitcase.name.replace(/(?:\.tar)?(?:\.gz|\.zst)?\.(?:pgp|gpg)$/i, '');
    let stock: string | null = null;
    const exhibits: Exhibits = {
      receipt:
        receipt === null
          ? null
          : () => {
              const chosen = receipt();
              name = chosen.receipt.depositId;
              stock = stockLines(chosen.receipt);
              return Promise.resolve(chosen);
            },
      signature,
      noSignature: false,
      suitcase:
        suitcase === null ? null : () => this.#exhibit(suitcase, (once, summary) => (opened = { once, summary })),
      key: key === null ? null : { unwrap: (pkesk) => unwrapSessionKey(pkesk, key) },
      deep: suitcase !== null && key !== null,
      maxSize: given.most,
      unproven: suitcase === null ? null : mostUnproven(suitcase.size),
      agentSha256: given.agentSha256 === '' ? null : given.agentSha256,
      hints: false,
      warn: (warning) => warnings.push(warning),
    };
    const verification = await verifyExhibits(exhibits);
    // As `decrypt` does it: where anything is wrong, nothing comes out.
    let inside: Summary | null = null;
    const done = opened as { once: OpenedOnce; summary: Summary } | null;
    if (done !== null && verification.checks.every(({ result }) => result !== 'failed')) {
      done.once.name =
        printable(name)
          .replace(/[^A-Za-z0-9._-]+/g, '-')
          .replace(/^\.+|\.+$/g, '') || 'opened';
      this.#opened = done.once;
      inside = { ...done.summary, name: done.once.name };
    }
    const { ok, result, checks, code } = verification;
    this.#send({
      kind: 'verified',
      verification: { ok, result, checks, code },
      warnings,
      aside,
      inside,
      exceeded: verification.exceeded,
      stock,
    });
  }

  async #exhibit(suitcase: File, keep: (once: OpenedOnce, summary: Summary) => void): Promise<SuitcaseExhibit> {
    const sealed = await preambleOf(suitcase);
    const { preamble, start } = sealed;
    const progress = (bytes: number): void => this.#send({ kind: 'progress', bytes, total: suitcase.size });
    const inspect = () => inspectSuitcase(segmentsOf(suitcase), preamble, start, progress);
    return {
      preamble,
      inspect,
      inspectAgain: inspect,
      open: async ({ sessionKey, cipher }, limit) => {
        const listing = new Listing();
        const joined = new JoinedFiles();
        // The caller wipes its own.
        const own = sessionKey.slice();
        const opened = await open(
          this.#reading(sealed, own, cipher, null),
          examine(listing, (path) => {
            joined.add(path);
          }),
          limit,
        );
        const { entries, bytes, manifest } = opened.contents!;
        keep(
          {
            sealed,
            sessionKey: own,
            cipher,
            segments: opened.segments,
            listing,
            joined,
            name: '',
            bytes: opened.plaintextOctets,
            entries: listing.archiveEntries,
            most: limit!.most,
          },
          { entries, bytes, manifest: manifest === 'found', notListed: listing.notListed, name: '', most: limit!.most },
        );
        return opened;
      },
      close: () => Promise.resolve(),
    };
  }

  #reading(
    sealed: Sealed,
    sessionKey: Uint8Array,
    cipher: UnwrappedSessionKey['cipher'],
    expected: Uint8Array[] | null,
  ): ReadOptions {
    const total = sealed.suitcase.size;
    return {
      ...sealed,
      sessionKey,
      cipher,
      threads: this.#threads!,
      expected,
      progress: (bytes) => this.#send({ kind: 'progress', bytes, total }),
    };
  }

  async #save(what: SaveRequest): Promise<void> {
    const once = this.#opened;
    if (once === null) throw new DepotError('usage', 'nothing was opened yet');
    this.#stopping = new AbortController();
    const { signal } = this.#stopping;
    // The second reading: the same bytes as the first, which were all authenticated.
    const reading = this.#reading(once.sealed, once.sessionKey, once.cipher, once.segments);
    try {
      this.#send(
        await save(what, {
          ...once,
          read: (consumer) => open(reading, stoppable(consumer, signal), null).then(() => undefined),
          made: (name) => this.#send({ kind: 'folder', name }),
          signal,
        }),
      );
    } catch (error) {
      if (!(error instanceof SaveFailure)) throw error;
      if (signal.aborted) this.#send({ kind: 'stopped', kept: error.kept });
      else this.#send(failed(error.cause, error.kept));
    } finally {
      this.#stopping = null;
    }
  }
}

function failed(error: unknown, kept: Kept | null): FromThread {
  return { kind: 'failed', error: errorToRecord(error), exceeded: error instanceof TooMuch ? error.most : null, kept };
}

const TIMES_THE_SUITCASE = 100;
const AT_LEAST = 2 ** 30;

/** The most without a receipt: text compresses to a tenth, seldom to a fiftieth; only bombs and zeros to less. */
function mostUnproven(suitcaseBytes: number): number {
  return Math.max(AT_LEAST, TIMES_THE_SUITCASE * suitcaseBytes);
}
