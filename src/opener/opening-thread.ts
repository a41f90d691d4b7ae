/** The opening thread of the page: everything from the files to findings, so that the page itself never waits. */
import { verifyEarlierReceipts } from '../reader/chain/verify-receipts.js';
import { Checks, together } from '../reader/checks.js';
import { verifyExhibits, type Exhibits, type SuitcaseExhibit } from '../reader/exhibits.js';
import type { ManifestResult } from '../dataset/compare.js';
import { DepotError, errorToRecord } from '../errors.js';
import { inspectSuitcase } from '../open/inspect.js';
import type { SecretKey } from '../pgp/certificate.js';
import { readSecretKey } from '../pgp/keys.js';
import { unwrapSessionKey } from '../pgp/sessionkey.js';
import { printable } from '../printable.js';
import { stockLines } from '../receipt/shell-lines.js';
import { Listing } from './listing.js';
import { both } from '../open/consumer.js';
import type { Limit } from '../open/opening.js';
import { allowedBytes, contentLimit } from '../reader/limits.js';
import type { Receipt } from '../receipt/schema.js';
import { checkNight } from './chain/check-night.js';
import { ChosenSuitcase, chooseSuitcases, openedAs, type ChosenNight } from './chain/chosen-suitcases.js';
import type { OpenedSuitcase } from './chain/night.js';
import { OwnFiles } from './chain/own-files.js';
import { mostUnproven, nightLimit } from './limits.js';
import { examine } from './open-blob.js';
import { prepare } from './primitives.js';
import { countedReceipts, readGiven, small } from './chosen-files.js';
import type { FromThread, Given, Kept, SaveRequest, Summary, ToThread } from './protocol.js';
import { JoinedFiles } from './folder.js';
import { TooMuch } from './folder-tree.js';
import { type Contents, save, SaveFailure } from './saving.js';
import { preambleOf, segmentsOf } from './suitcase-blob.js';
import { SuitcaseReader, type Unlocked } from './suitcase-reader.js';
import { CipherThreads } from './cipher-threads.js';

interface Scope {
  onmessage: ((event: MessageEvent<ToThread>) => void) | null;
  postMessage(message: FromThread): void;
}

/** What was opened once to its end: what a second reading needs. */
interface OpenedOnce {
  contents: Contents;
  rows: Pick<Listing, 'rows' | 'at'>;
  name: string;
  /** Of all suitcases, in bytes. */
  size: number;
  /** Entries that are saved, and the bound on bytes under which they came out. */
  entries: number;
  most: number;
}

/** The wanted suitcase, when it was opened to its end. */
interface OpenedWanted {
  unlocked: Unlocked;
  segments: Uint8Array[];
  listing: Listing;
  joined: JoinedFiles;
  contents: ManifestResult;
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
  #reader: SuitcaseReader | null = null;
  /** Their session keys are wiped when others are checked. */
  #unlocked: { sessionKey: Uint8Array }[] = [];
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
        this.#reader = new SuitcaseReader(new CipherThreads(message.program), (bytes, total) =>
          this.#send({ kind: 'progress', bytes, total }),
        );
        return prepare();
      case 'verify':
        return this.#verify(message.given);
      case 'list':
        this.#send({
          kind: 'rows',
          rows: this.#opened?.rows.rows(message.text, message.count) ?? { rows: [], matching: 0 },
        });
        return;
      case 'save':
        return this.#save(message.what);
    }
  }

  async #verify(given: Given): Promise<void> {
    for (const { sessionKey } of this.#unlocked) sessionKey.fill(0);
    this.#unlocked = [];
    this.#opened = null;
    const warnings: string[] = [];
    const key =
      given.key === null
        ? null
        : await readSecretKey(await small(given.key), () =>
            Promise.resolve(given.passphrase === '' ? undefined : given.passphrase),
          );
    const { file: suitcase, chosen } = await this.#choose(given, key);
    const { receipt, signature, aside } = await readGiven({ ...given, suitcase }, key?.fingerprint ?? null);
    let opened: OpenedWanted | null = null;
    let name = suitcase === null ? '' : suitcase.name.replace(/(?:\.tar)?(?:\.gz|\.zst)?\.(?:pgp|gpg)$/i, '');
    const read: { receipt: Receipt | null } = { receipt: null };
    const own = isChain(chosen) ? new OwnFiles() : null;
    const exhibits: Exhibits = {
      receipt:
        receipt === null
          ? null
          : () => {
              const found = receipt();
              name = found.receipt.depositId;
              read.receipt = found.receipt;
              return Promise.resolve(found);
            },
      signature,
      noSignature: false,
      suitcase: suitcase === null ? null : () => this.#exhibit(suitcase, own, (once) => (opened = once)),
      key: key === null ? null : { unwrap: (pkesk) => unwrapSessionKey(pkesk, key) },
      deep: suitcase !== null && key !== null,
      withOthers: isChain(chosen),
      maxSize: given.most,
      unproven: suitcase === null ? null : mostUnproven(suitcase.size),
      agentSha256: given.agentSha256 === '' ? null : given.agentSha256,
      hints: false,
      warn: (warning) => warnings.push(warning),
    };
    const first = await verifyExhibits(exhibits);
    const checks = new Checks(false);
    let { exceeded } = first;
    const done = opened as OpenedWanted | null;
    let night: ReturnType<typeof checkNight> = null;
    const most = nightLimit(read.receipt?.chain, {
      signed: first.checks.some(({ name, result }) => name === 'receipt-signature' && result === 'passed'),
      most: given.most,
      bytes: given.suitcases.reduce((sum, { size }) => sum + size, 0),
    });
    if (isChain(chosen)) {
      const isRight = done !== null && first.checks.every(({ result }) => result !== 'failed');
      night = checkNight(
        chosen,
        isRight ? this.#newest(done, own!) : null,
        {
          receipt: read.receipt,
          most,
          exceeded: (bytes) => (exceeded = bytes),
        },
        checks,
      );
    } else if (suitcase === null && read.receipt !== null) await earlierReceipts(given, read.receipt, key, checks);
    const verification = together(first, checks.verdict());
    // As `decrypt` does it: where anything is wrong, nothing comes out.
    let inside: Summary | null = null;
    const isSound = verification.checks.every(({ result }) => result !== 'failed');
    const safe =
      printable(name)
        .replace(/[^A-Za-z0-9._-]+/g, '-')
        .replace(/^\.+|\.+$/g, '') || 'opened';
    if (isSound && night !== null) {
      const { entries, bytes, rows } = night;
      const contents: Contents = { kind: 'night', night: night.night };
      this.#opened = { contents, rows, name: safe, entries, most: most.most, size: bytesOf(chosen!) };
      const { notListed } = rows;
      const { length } = night.night.suitcases;
      inside = { entries, bytes, manifest: true, notListed, name: safe, most: most.most, suitcases: length };
    } else if (isSound && done !== null && !isChain(chosen)) {
      const { entries, bytes, manifest } = done.contents;
      const { listing, joined } = done;
      const contents: Contents = { kind: 'suitcase', listing, joined, read: this.#again(done) };
      const size = done.unlocked.suitcase.size;
      this.#opened = { contents, rows: listing, name: safe, entries: listing.archiveEntries, most: done.most, size };
      const { notListed } = listing;
      inside = { entries, bytes, manifest: manifest === 'found', notListed, name: safe, most: done.most, suitcases: 1 };
    }
    const { ok, result, code } = verification;
    this.#send({
      kind: 'verified',
      verification: { ok, result, checks: verification.checks, code },
      warnings,
      aside: { ...aside, nights: chosen?.choice.leftAside ?? [] },
      needed: isChain(chosen) ? chosen.needed : null,
      inside,
      exceeded,
      stock: read.receipt === null ? null : stockLines(read.receipt),
    });
  }

  /** Which suitcase is checked, and what of its chain there is; `chosen` is null where nothing had to be chosen. */
  async #choose(given: Given, key: SecretKey | null): Promise<{ file: File | null; chosen: ChosenNight | null }> {
    const [first] = given.suitcases;
    if (first === undefined) return { file: null, chosen: null };
    const reader = this.#reader!;
    const suitcases = given.suitcases.map((file) => new ChosenSuitcase(file));
    if (key !== null) for (const one of suitcases) await one.look((pkesk) => unwrapSessionKey(pkesk, key), reader);
    this.#unlocked.push(...suitcases.flatMap(({ unwrapped }) => unwrapped ?? []));
    // A key that opens none of them is a finding.
    const isOfNoUse = suitcases.every(({ problem }) => problem?.code === 'not-addressed');
    if (isOfNoUse || (suitcases.length === 1 && suitcases[0]!.chain === null)) {
      reader.expect(first.size);
      return { file: first, chosen: null };
    }
    const { receipts, verify } = await countedReceipts(given, key?.fingerprint ?? null);
    const limitOf = ({ depositId, bytes }: ChosenSuitcase): Limit => {
      if (given.most !== null) return allowedBytes(given.most, 'user');
      const own = verify === null ? undefined : receipts.find(({ receipt }) => receipt.depositId === depositId);
      return own === undefined
        ? allowedBytes(mostUnproven(bytes), 'nobody')
        : allowedBytes(contentLimit(own.receipt.dataset), 'receipt');
    };
    const chosen = await chooseSuitcases(suitcases, receipts, { reader, limitOf });
    const { suitcase, damaged } = chosen.choice.night;
    return { file: ((suitcase ?? damaged) as ChosenSuitcase | null)?.file ?? null, chosen };
  }

  async #exhibit(suitcase: File, own: OwnFiles | null, keep: (opened: OpenedWanted) => void): Promise<SuitcaseExhibit> {
    const reader = this.#reader!;
    const sealed = await preambleOf(suitcase);
    const { preamble, start } = sealed;
    const inspect = () => inspectSuitcase(segmentsOf(suitcase), preamble, start, (bytes) => reader.reached(bytes));
    return {
      preamble,
      inspect,
      inspectAgain: inspect,
      open: async ({ sessionKey, cipher }, limit) => {
        const listing = new Listing();
        const joined = new JoinedFiles();
        // The caller wipes its own.
        const unlocked = { ...sealed, sessionKey: sessionKey.slice(), cipher };
        this.#unlocked.push(unlocked);
        const sink = own === null ? listing : both(listing, own);
        const opened = await reader.open(
          unlocked,
          examine(sink, (path) => joined.add(path)),
          limit,
        );
        keep({ unlocked, segments: opened.segments, listing, joined, contents: opened.contents!, most: limit!.most });
        return opened;
      },
      close: () => Promise.resolve(),
    };
  }

  #newest(opened: OpenedWanted, own: OwnFiles): ReturnType<typeof openedAs> {
    return openedAs(own, opened.joined, opened.contents.chain ?? null, this.#again(opened));
  }

  /** The second reading: the same bytes as the first, which were all authenticated. */
  #again({ unlocked, segments }: OpenedWanted): OpenedSuitcase['read'] {
    return (consumer) => this.#reader!.open(unlocked, consumer, null, segments).then(() => undefined);
  }

  async #save(what: SaveRequest): Promise<void> {
    const once = this.#opened;
    if (once === null) throw new DepotError('usage', 'nothing was opened yet');
    this.#stopping = new AbortController();
    const { signal } = this.#stopping;
    this.#reader!.expect(once.size);
    try {
      this.#send(await save(what, { ...once, made: (name) => this.#send({ kind: 'folder', name }), signal }));
    } catch (error) {
      if (!(error instanceof SaveFailure)) throw error;
      if (signal.aborted) this.#send({ kind: 'stopped', kept: error.kept });
      else this.#send(failed(error.cause, error.kept));
    } finally {
      this.#stopping = null;
    }
  }
}

/** Whether there is more to it than one suitcase that holds the whole dataset. */
function isChain(chosen: ChosenNight | null): chosen is ChosenNight {
  return chosen !== null && chosen.choice.night.needs?.length !== 0;
}

function bytesOf({ suitcases }: ChosenNight): number {
  return suitcases.reduce((sum, one) => sum + (one?.bytes ?? 0), 0);
}

/** A receipt alone: its key must open every deposit that it is built on. */
async function earlierReceipts(given: Given, receipt: Receipt, key: SecretKey | null, checks: Checks): Promise<void> {
  const { receipts, verify } = await countedReceipts(given, key?.fingerprint ?? null);
  await verifyEarlierReceipts(
    {
      receipt,
      find: (depositId) => Promise.resolve(receipts.find((one) => one.receipt.depositId === depositId) ?? null),
      all: () => Promise.resolve(receipts.map((one) => one.receipt)),
      verify,
      noSignature: false,
      key: key === null ? null : { unwrap: (pkesk) => unwrapSessionKey(pkesk, key) },
    },
    checks,
  );
}

function failed(error: unknown, kept: Kept | null): FromThread {
  return { kind: 'failed', error: errorToRecord(error), exceeded: error instanceof TooMuch ? error.most : null, kept };
}
