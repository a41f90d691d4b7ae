import { hash, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { Archive } from '../archive.js';
import type { HardLinks } from '../hard-links.js';
import type { SourceSpec } from '../../source.js';
import { BlockCutter } from './blocks.js';
import { CHAIN_SCHEMA, type ChainedDeposit } from '../chain/chain-file.js';
import { UnusableIndex } from './frames.js';
import { type Changes, Increment } from './increment.js';
import { LastNight } from './last-night.js';
import { NightIndex } from './night-index.js';

/** What packing needs to know of the chain that the deposit continues or begins. */
export interface ChainOptions {
  /** Where tonight's index goes; must not exist. */
  index: string;
  /** 32 bytes, for every index of this arrangement. */
  key: Uint8Array;
  /** Fingerprints of the subkeys that the deposit is sealed for. */
  recipients: readonly string[];
  /** What tonight is built on; null for a full deposit. */
  base: { index: string; deposits: readonly ChainedDeposit[] } | null;
  /** Read every file, whatever its times say. */
  reread: boolean;
  /** As receipts write it. */
  startedAt: string;
}

/** The whole night, as the receipt says it. */
export interface ChainSummary {
  number: number;
  datasetSha256: string;
  entries: number;
  bytes: number;
  complete: boolean;
  lastReadInFull: string;
  /** Why there is a full deposit, although there was a base. */
  whyFull: string | null;
  /** Null for a full deposit. */
  changes: Changes | null;
}

const VERSION = 1;

interface Head {
  version: number;
  /** Whose index it is: one of another night would claim contents that are not there. */
  depositId: string;
  /** Of the blocks, in base64; new with each full deposit. */
  key: string;
  /** Digests, as lists may be longer than a record. */
  sources: string;
  recipients: string;
  /** All that come before. */
  deposits: string;
  lastReadInFull: string;
}

/** Tonight as part of a chain: opens last night's index, where there is one that can be used, and writes tonight's. */
export class ChainNight {
  readonly number: number;
  readonly deposits: readonly ChainedDeposit[];
  readonly index: NightIndex;
  /** Null for a full deposit. */
  readonly increment: Increment | null;
  readonly whyFull: string | null;
  readonly #sources: string[];
  readonly #lastReadInFull: string;
  readonly #last: LastNight | null;
  readonly #options: ChainOptions;
  #isDone = false;

  constructor(
    options: ChainOptions,
    {
      depositId,
      archiveOf,
      sources,
      hardLinks,
    }: {
      depositId: string;
      archiveOf: (isIncrement: boolean) => Archive;
      sources: readonly SourceSpec[];
      hardLinks: HardLinks;
    },
  ) {
    this.#options = options;
    this.#sources = sources.map(({ name }) => name);
    const wanted = {
      sources: digestOf(sources.map(({ name, kind }) => [name, kind])),
      recipients: digestOf(options.recipients),
    };
    const found = lastNight(options, wanted);
    this.#last = found.last;
    this.whyFull = found.whyFull;
    const base = found.last === null ? null : { head: found.head, deposits: options.base!.deposits };
    this.deposits = base?.deposits ?? [];
    this.number = this.deposits.length;
    this.#lastReadInFull = base === null || options.reread ? options.startedAt : base.head.lastReadInFull;
    const key = base?.head.key ?? randomBytes(32).toString('base64');
    const head: Head = {
      version: VERSION,
      depositId,
      key,
      ...wanted,
      deposits: digestOf(this.deposits),
      lastReadInFull: this.#lastReadInFull,
    };
    const archive = archiveOf(base !== null);
    try {
      this.index = new NightIndex({
        path: options.index,
        key: options.key,
        head,
        random: archive.random,
        cutter: new BlockCutter(Buffer.from(key, 'base64')),
        last: this.#last,
      });
    } catch (error) {
      this.#last?.close();
      throw error;
    }
    this.increment =
      this.#last &&
      new Increment({
        archive,
        last: this.#last,
        index: this.index,
        sources: this.#sources,
        number: this.number,
        reread: options.reread,
        hardLinks,
      });
  }

  /** `DEPOT/chain.json`. */
  json(): string {
    const sources = this.#sources;
    const { number, deposits } = this;
    return `${JSON.stringify({ schema: CHAIN_SCHEMA, number, sources, deposits })}\n`;
  }

  /** The dataset was packed whole; `complete`: nothing vanished. The index is on the disk then. */
  end(complete: boolean): ChainSummary {
    const { listing } = this.index;
    const { entries, bytes } = listing;
    this.index.end();
    this.#isDone = true;
    this.#last?.close();
    return {
      number: this.number,
      datasetSha256: listing.hex(),
      entries,
      bytes,
      complete: complete && listing.complete,
      lastReadInFull: this.#lastReadInFull,
      whyFull: this.whyFull,
      changes: this.increment?.changes ?? null,
    };
  }

  /** Removes what was written, unless it was ended. */
  giveUp(): void {
    if (this.#isDone) return;
    this.index.close();
    this.#last?.close();
    rmSync(this.#options.index, { force: true });
  }
}

type Found = { last: LastNight; head: Head; whyFull: null } | { last: null; whyFull: string | null };

function lastNight({ base, key }: ChainOptions, wanted: Pick<Head, 'sources' | 'recipients'>): Found {
  if (base === null) return { last: null, whyFull: null };
  let last: LastNight;
  try {
    last = new LastNight(base.index, key);
  } catch (error) {
    if (!(error instanceof UnusableIndex)) throw error;
    return { last: null, whyFull: `the index of the last deposit cannot be used: ${error.message}` };
  }
  const head = last.head as Head;
  const whyFull = whyNot(head, base.deposits, wanted);
  if (whyFull === null) return { last, head, whyFull };
  last.close();
  return { last: null, whyFull };
}

function whyNot(
  head: Head,
  deposits: readonly ChainedDeposit[],
  wanted: Pick<Head, 'sources' | 'recipients'>,
): string | null {
  if (head.version !== VERSION) return 'the index of the last deposit is of another version of depot';
  if (head.sources !== wanted.sources) return 'the sources have changed since the last deposit';
  if (head.recipients !== wanted.recipients) return 'the recipients have changed since the last deposit';
  if (head.depositId !== deposits.at(-1)!.depositId || head.deposits !== digestOf(deposits.slice(0, -1)))
    return 'the index of the last deposit belongs to another deposit';
  return null;
}

function digestOf(list: readonly unknown[]): string {
  return hash('sha256', JSON.stringify(list));
}
