/** A chain as a beneficiary has it: suitcases in a folder, each with its receipt (`depot.receipt/2`) and signature. */
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Compression } from '../../src/names/deposit.js';
import type { Lies } from './chain-archive.js';
import { type ChainLink, ChainMaker, type ChainOptions, type NightArchive } from './chain-maker.js';
import { sha256, type Tree } from './chain-tree.js';
import { type Receiver, signAnyway, type SealOptions } from './hostile-suitcase.js';
import { mustRun } from './process.js';

export interface SealedNight extends NightArchive {
  link: ChainLink;
  file: string;
  receiptFile: string;
}

export interface NightLies extends Lies {
  receipt?: (receipt: Record<string, unknown>) => Record<string, unknown>;
  /** What comes before it in place of the nights so far: another chain, or an earlier base. */
  earlier?: readonly ChainLink[];
}

export class ChainFolder {
  readonly nights: SealedNight[] = [];
  readonly #maker: ChainMaker;
  #previousReceipt: string | null = null;

  constructor(
    readonly receiver: Receiver,
    sources: readonly string[],
    /** `padding`: zeros behind every archive, in bytes. */
    readonly options: ChainOptions & Pick<SealOptions, 'compression' | 'encryption'> & { padding?: number } = {},
  ) {
    this.#maker = new ChainMaker(sources, options);
  }

  get links(): ChainLink[] {
    return this.nights.map(({ link }) => link);
  }

  get newest(): SealedNight {
    return this.nights.at(-1)!;
  }

  /** Seals the next night, signs its receipt, and puts both into the receiver's folder. */
  async add(tree: Tree, lies: NightLies = {}): Promise<SealedNight> {
    const earlier = lies.earlier ?? this.links;
    const night = this.#maker.night(tree, earlier, lies);
    const { compression = 'none', encryption, padding = 0 } = this.options;
    const archive = Buffer.concat([night.archive, Buffer.alloc(padding)]);
    const made = await this.receiver.seal(await compressed(archive, compression), {
      compression,
      ...(encryption === undefined ? {} : { encryption }),
    });
    const { depositId, suitcase, startedAt } = made.receipt;
    const previous = earlier.at(-1);
    const { entries, bytes, complete, datasetSha256 } = night.whole;
    const chain = {
      fullDepositId: earlier[0]?.depositId ?? depositId,
      number: night.number,
      previousDepositId: previous?.depositId ?? null,
      previousSuitcaseSha256: previous?.sha256 ?? null,
      datasetSha256,
      entries,
      bytes,
      complete,
      lastReadInFull: startedAt,
    };
    const { manifestSha256, ...counts } = night.held;
    const dataset = { ...counts, skipped: {}, complete: true, manifestSha256 };
    const receipt: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(made.receipt)) {
      receipt[key] = value;
      if (key === 'dataset') Object.assign(receipt, { dataset, chain });
    }
    Object.assign(receipt, {
      schema: 'depot.receipt/2',
      ledger: {
        ...made.receipt.ledger,
        sequence: this.nights.length + 1,
        previousReceiptSha256: this.#previousReceipt,
      },
    });
    const told = Buffer.from(`${JSON.stringify((lies.receipt ?? ((same) => same))(receipt), null, 2)}\n`);
    writeFileSync(made.receiptFile, told);
    writeFileSync(`${made.receiptFile}.asc`, await signAnyway(told, this.receiver.signer.secretKey));
    this.#previousReceipt = sha256(told);
    const link = { depositId, bytes: suitcase.bytes, sha256: sha256(readFileSync(made.file)) };
    this.nights.push({ ...night, link, file: made.file, receiptFile: made.receiptFile });
    return this.newest;
  }
}

async function compressed(archive: Buffer, how: Compression): Promise<Buffer> {
  if (how === 'gzip') return gzipSync(archive);
  return how === 'zstd' ? (await mustRun('zstd', ['-q', '-c'], { input: archive })).bytes : archive;
}
