/** The opening thread of the page: everything from the files to findings, so that the page itself never waits. */
import { verifyExhibits, verifySigned, type Exhibits, type SuitcaseExhibit } from '../deposit/exhibits.js';
import { LARGEST_GIVEN_FILE } from '../deposit/limits.js';
import { DepotError, errorToRecord, isDepotError } from '../errors.js';
import type { Certificate } from '../pgp/certificate.js';
import { readCertificate, readSecretKey } from '../pgp/keys.js';
import { readPreamble } from '../pgp/preamble.js';
import { unwrapSessionKey, type UnwrappedSessionKey } from '../pgp/sessionkey.js';
import { StructureReader } from '../pgp/structure.js';
import { printable } from '../printable.js';
import { stockLines } from '../receipt/cover.js';
import { parseReceipt } from '../receipt/parse.js';
import { Listing } from './listing.js';
import { Enough, examine, open } from './opening.js';
import { prepare, sha256 } from './primitives.js';
import type { FromThread, Given, SaveRequest, Summary, ToThread } from './protocol.js';
import { JoinedFiles } from './joined-files.js';
import { fileTarget, FolderSaver, MemoryTarget, newFolder, oneFile, TooMuch, wholeArchive } from './save.js';
import { bytesOf, type ReadOptions, type Sealed } from './source.js';
import { CipherThreads } from './threads.js';

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
  /** Entries in the archive, and the bound on octets under which they came out. */
  entries: number;
  most: number;
}

const PREAMBLE_PIECE = 64 * 1024;
const STRUCTURE_PIECE = 4 << 20;

export function serveOpening(): void {
  const scope = globalThis as unknown as Scope;
  const thread = new OpeningThread((message) => scope.postMessage(message));
  let busy: Promise<void> = Promise.resolve();
  scope.onmessage = ({ data }) => {
    busy = busy.then(() => thread.answer(data)).catch((error: unknown) => scope.postMessage({ kind: 'failed', error: errorToRecord(error), exceeded: error instanceof TooMuch ? error.most : null }));
  };
}

class OpeningThread {
  readonly #send: (message: FromThread) => void;
  #threads: CipherThreads | null = null;
  #opened: OpenedOnce | null = null;

  constructor(send: (message: FromThread) => void) {
    this.#send = send;
  }

  async answer(message: ToThread): Promise<void> {
    switch (message.kind) {
      case 'program':
        this.#threads = new CipherThreads(message.program);
        return prepare();
      case 'verify':
        return this.#verify(message.given);
      case 'list':
        this.#send({ kind: 'rows', rows: this.#opened?.listing.rows(message.text, message.count) ?? { rows: [], matching: 0 } });
        return;
      case 'save':
        return this.#save(message.what);
    }
  }

  async #verify(given: Given): Promise<void> {
    this.#opened?.sessionKey.fill(0);
    this.#opened = null;
    const warnings: string[] = [];
    const { receipt, signature, suitcase, signers } = given;
    const key = given.key === null ? null : await readSecretKey(await small(given.key), () => Promise.resolve(given.passphrase === '' ? undefined : given.passphrase));
    const certificates: Certificate[] = [];
    for (const signer of signers) certificates.push(await readCertificate(await small(signer)));
    let opened: { once: OpenedOnce; summary: Summary } | null = null;
    let name = suitcase === null ? '' : suitcase.name.replace(/(?:\.tar)?(?:\.gz|\.zst)?\.(?:pgp|gpg)$/i, '');
    let stock: string | null = null;
    const exhibits: Exhibits = {
      receipt: receipt === null ? null : async () => {
        const bytes = await small(receipt);
        const parsed = parseReceipt(bytes, receipt.name);
        name = parsed.depositId;
        stock = stockLines(parsed);
        return { bytes, receipt: parsed };
      },
      signature: certificates.length === 0 ? null : async (read) => {
        if (signature === null) throw new DepotError('incomplete', 'the signature of the receipt was not given: origin not proven');
        return verifySigned(read, await small(signature), certificates);
      },
      noSignature: false,
      suitcase: suitcase === null ? null : () => this.#exhibit(suitcase, (once, summary) => (opened = { once, summary })),
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
      done.once.name = printable(name).replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^\.+/, '') || 'opened';
      this.#opened = done.once;
      inside = { ...done.summary, name: done.once.name };
    }
    const { ok, result, checks, exit } = verification;
    this.#send({ kind: 'verified', verification: { ok, result, checks, exit }, warnings, inside, exceeded: verification.exceeded, stock });
  }

  async #exhibit(suitcase: File, keep: (once: OpenedOnce, summary: Summary) => void): Promise<SuitcaseExhibit> {
    let at = 0;
    const preamble = await readPreamble(async () => {
      if (at >= suitcase.size) return null;
      const piece = new Uint8Array(await bytesOf(suitcase.slice(at, at + PREAMBLE_PIECE)));
      at += piece.length;
      return piece;
    });
    const sealed: Sealed = { suitcase, preamble, start: at - preamble.rest.length };
    const inspect = () => this.#inspect(sealed);
    return {
      preamble,
      inspect,
      inspectAgain: inspect,
      open: async ({ sessionKey, cipher }, limit) => {
        const listing = new Listing();
        const joined = new JoinedFiles();
        // The caller wipes its own.
        const own = sessionKey.slice();
        const opened = await open(this.#reading(sealed, own, cipher, null), examine(listing, (path) => { joined.add(path); }), limit);
        const { entries, bytes, manifest } = opened.contents!;
        keep(
          { sealed, sessionKey: own, cipher, segments: opened.segments, listing, joined, name: '', bytes: opened.plaintextOctets, entries: listing.archiveEntries, most: limit!.most },
          { entries, bytes, manifest: manifest === 'found', notListed: listing.notListed, name: '', most: limit!.most },
        );
        return opened;
      },
      close: () => Promise.resolve(),
    };
  }

  #reading(sealed: Sealed, sessionKey: Uint8Array, cipher: UnwrappedSessionKey['cipher'], expected: Uint8Array[] | null): ReadOptions {
    const total = sealed.suitcase.size;
    return { ...sealed, sessionKey, cipher, threads: this.#threads!, expected, progress: (bytes) => this.#send({ kind: 'progress', bytes, total }) };
  }

  /** Digest and OpenPGP structure, without a key: as `src/open/inspect.ts` does it from a file. */
  async #inspect({ suitcase, preamble, start }: Sealed) {
    const digest = sha256();
    const structure = new StructureReader({ preamble });
    const problems: DepotError[] = [];
    const check = (work: () => void): void => {
      try {
        if (problems.length === 0) work();
      } catch (error) {
        if (!isDepotError(error)) throw error;
        problems.push(error);
      }
    };
    for (let at = 0; at < suitcase.size; at += STRUCTURE_PIECE) {
      const piece = new Uint8Array(await bytesOf(suitcase.slice(at, at + STRUCTURE_PIECE)));
      digest.update(piece);
      check(() => structure.write(piece.subarray(Math.max(0, start - at))));
      this.#send({ kind: 'progress', bytes: at + piece.length, total: suitcase.size });
    }
    check(() => structure.end());
    const problem = problems[0] ?? null;
    const tail = preamble.encryption.packet === 'SEIPDv2' && problem === null ? structure.tail : null;
    return { bytes: suitcase.size, sha256: digest.hex(), head: preamble.head, tail, problem };
  }

  async #save(what: SaveRequest): Promise<void> {
    const once = this.#opened;
    if (once === null) throw new DepotError('usage', 'nothing was opened yet');
    // The second reading: the same octets as the first, which were all authenticated.
    const reading = this.#reading(once.sealed, once.sessionKey, once.cipher, once.segments);
    if (what.kind === 'folder') {
      const folder = await newFolder(what.directory, once.name);
      const saver = new FolderSaver(folder, once.joined, what.platform, { octets: once.most, entries: once.entries });
      await saver.begin();
      try {
        await open(reading, saver.consumer(), null);
      } catch (error) {
        await saver.abandon();
        await what.directory.removeEntry(once.name, { recursive: true }).catch(() => undefined);
        throw outOfBrowser(error);
      }
      this.#send({ kind: 'saved', blob: null, name: once.name, report: await saver.finish() });
      return;
    }
    const target = what.handle === null ? new MemoryTarget() : await fileTarget(what.handle);
    const entry = what.kind === 'file' ? once.listing.at(what.index) : undefined;
    const consumer = entry === undefined ? wholeArchive(target) : oneFile(target, entry.index, entry.parts);
    try {
      await open(reading, consumer, null);
      await target.close();
    } catch (error) {
      if (!(error instanceof Enough)) {
        await target.abort().catch(() => undefined);
        throw outOfBrowser(error);
      }
      await target.close();
    }
    const name = entry === undefined ? `${once.name}.tar` : entry.path.slice(entry.path.lastIndexOf('/') + 1);
    this.#send({ kind: 'saved', blob: target instanceof MemoryTarget ? target.blob : null, name, report: null });
  }
}

const TIMES_THE_SUITCASE = 100;
const AT_LEAST = 2 ** 30;

/**
 * The most that comes out of a suitcase that nobody vouches for, unless the person allows more: text compresses to a tenth, seldom
 * to a fiftieth; only bombs, and disks full of zeros, to less.
 */
export function mostUnproven(suitcaseOctets: number): number {
  return Math.max(AT_LEAST, TIMES_THE_SUITCASE * suitcaseOctets);
}

/** The browser's own refusals, in words. */
function outOfBrowser(error: unknown): unknown {
  if (!(error instanceof DOMException)) return error;
  const code = error.name === 'QuotaExceededError' ? 'local-disk-full' : 'local-not-writable';
  return new DepotError(code, `the browser could not save: ${printable(error.message)}`, { hint: 'choose a place with enough room, that this account may write to', cause: error });
}

/** Keys, receipts and signatures. @throws DepotError 'local-unreadable' */
async function small(file: File): Promise<Uint8Array> {
  if (file.size > LARGEST_GIVEN_FILE) throw new DepotError('local-unreadable', `${printable(file.name)} has ${file.size} octets, which no key, signature or receipt has`, { hint: 'choose another file' });
  return new Uint8Array(await bytesOf(file));
}
