/** Opens the suitcases of a chain, one after the other, and has the night put together. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Assembled } from '../../dataset/assemble/assemble.js';
import type { Chain } from '../../dataset/chain/chain-file.js';
import { localError } from '../../durable-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import type { Assembling } from '../../open/assemble.js';
import type { OpenResult } from '../../open/opening.js';
import { printable } from '../../printable.js';
import { nightDiffers } from '../../receipt/chain.js';
import type { Receipt } from '../../receipt/schema.js';
import type { Decrypted, DecryptHooks, DecryptOptions } from '../decrypt.js';
import { agreeing, sameAsReceipt, wrong } from '../found.js';
import { limitsOf, type Limits } from '../room.js';
import type { Member, Members } from './members.js';
import { openMembers } from './open-members.js';
import { requirePlace } from './place.js';

export type RestoringOptions = Pick<DecryptOptions, 'signers' | 'maxSize' | 'signal'>;

/** Where the suitcases go that are opened: the full deposit into `directory`, each increment below `work`. */
interface Place {
  directory: string;
  work: string;
  limits: Limits;
}

export class Restoring {
  readonly #o: RestoringOptions;
  readonly hooks: DecryptHooks;
  readonly #members: readonly Member[];
  readonly #receipt: Receipt | null;
  readonly #chain: Chain;

  constructor(o: RestoringOptions, hooks: DecryptHooks, { night, members }: Members) {
    this.#o = o;
    this.hooks = hooks;
    this.#members = members;
    this.#receipt = night.receipt?.receipt ?? null;
    this.#chain = night.suitcase!.chain!;
  }

  /** How many suitcases come before the wanted one. */
  get number(): number {
    return this.#chain.number;
  }

  /** As the receipt of the night has it. */
  get entriesOfNight(): number | undefined {
    return this.#receipt?.chain?.entries;
  }

  /** The wanted night into a directory that is empty but for the caller's mark. */
  async into(directory: string, out: string): Promise<Omit<Decrypted, 'out' | 'warnings'>> {
    const limits = await limitsOf(this.#o, null, out);
    const work = await this.work(directory);
    // The newest first, since it names all others.
    const nights = [this.number, ...Array.from({ length: this.number }, (_, i) => i)];
    const assembled = await this.#extract(
      nights,
      { directory, work, limits },
      await this.#assembling(directory, work, out),
    );
    if (assembled instanceof DepotError) throw assembled;
    this.#compare(assembled!);
    const { entries, bytes } = assembled!;
    return { entries, bytes, origin: this.isProven ? 'proven' : 'not proven' };
  }

  /** Where the increments go, below that directory. */
  async work(directory: string): Promise<string> {
    const work = path.join(directory, `.depot-${randomBytes(8).toString('hex')}`);
    await make(work);
    return work;
  }

  /** Opens one suitcase of the chain, and checks that it belongs to it. */
  async extract(night: number, place: Place): Promise<void> {
    await this.#extract([night], place);
  }

  /** What is put together is no better than the suitcases: it is told only where they belong to the chain. */
  async #extract(
    nights: readonly number[],
    { directory, work, limits }: Place,
    assembling?: Assembling,
  ): Promise<Assembled | DepotError | null> {
    const members = [];
    for (const night of nights) {
      const place = night === 0 ? directory : path.join(work, String(night));
      if (night > 0) await make(place);
      members.push({
        member: this.#members[night]!,
        mode: { kind: 'extract', directory: place, isPart: true } as const,
      });
    }
    const { opened, assembled } = await openMembers(
      { members, limits, goesOn: false, ...(assembling !== undefined && { assembling }), signal: this.#o.signal },
      this.hooks,
    );
    for (const [i, result] of opened.entries()) {
      if (result instanceof DepotError) throw result;
      this.#check(nights[i]!, result);
    }
    return assembled;
  }

  /** Puts together what `extract` made of all but the missing ones. */
  async salvage(directory: string, work: string, out: string, missing: readonly number[]): Promise<Assembled> {
    const depositIds = this.#members.map(({ depositId }) => depositId);
    const assembling = {
      ...(await this.#assembling(directory, work, out)),
      salvage: { missing, depositIds, entriesOfNight: this.entriesOfNight },
    };
    const { assembled } = await openMembers(
      {
        members: [],
        limits: { maxBytes: null, maxWritten: null, maxEntries: null },
        goesOn: false,
        assembling,
        signal: this.#o.signal,
      },
      this.hooks,
    );
    if (assembled instanceof DepotError) throw assembled;
    return assembled!;
  }

  async #assembling(directory: string, work: string, out: string): Promise<Assembling> {
    const { maxBytes, maxEntries } = await limitsOf(this.#o, this.isProven ? stated(this.#receipt!) : null, out);
    const { number: increments, sources } = this.#chain;
    return { directory, work, increments, sources, maxBytes, maxEntries };
  }

  /** The receipt of the night is signed by the given signer. */
  get isProven(): boolean {
    return this.#receipt !== null && this.#o.signers.length > 0;
  }

  /** What it is, against what was said of it. */
  #check(night: number, result: OpenResult): void {
    const { depositId } = this.#members[night]!;
    try {
      if (night === this.#chain.number) sameAsReceipt(result, this.#receipt);
      requirePlace(agreeing(result), night, this.#chain);
    } catch (error) {
      if (isDepotError(error)) error.message = `${printable(depositId)}: ${error.message}`;
      throw error;
    }
  }

  /** What the receipt of the night says otherwise of it; null when it says the same, or there is none. */
  difference(found: Assembled): string | null {
    const said = this.#receipt?.chain;
    return said === undefined ? null : nightDiffers(said, found);
  }

  #compare(found: Assembled): void {
    const different = this.difference(found);
    if (different !== null) throw wrong(different);
  }
}

/** The receipt with the whole night's counts, for the limits. */
function stated(receipt: Receipt): Receipt {
  const { chain } = receipt;
  if (chain === undefined) return receipt;
  return { ...receipt, dataset: { ...receipt.dataset, entries: chain.entries, bytes: chain.bytes } };
}

async function make(directory: string): Promise<void> {
  await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
    throw localError(error, 'create', directory);
  });
}
