/** Opens the suitcases of a chain, one after the other, and has the night put together. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ManifestResult } from '../../dataset/compare.js';
import type { Assembled } from '../../dataset/assemble/assemble.js';
import { requireSameChain, type Chain } from '../../dataset/chain/chain-file.js';
import { localError } from '../../durable-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import { assembleChain } from '../../open/chain.js';
import type { OpenResult } from '../../open/opening.js';
import { printable } from '../../printable.js';
import type { Receipt } from '../../receipt/schema.js';
import type { Decrypted, DecryptHooks, DecryptOptions } from '../decrypt.js';
import { agreeing, sameAsReceipt, wrong } from '../found.js';
import { limitsOf, type Limits } from '../room.js';
import type { Member, Members } from './members.js';
import { openMembers } from './open-members.js';

export type RestoringOptions = Pick<DecryptOptions, 'signers' | 'maxSize' | 'signal'>;

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

  /** The wanted night into a directory that is empty but for the caller's mark. */
  async into(directory: string, out: string): Promise<Omit<Decrypted, 'out' | 'warnings'>> {
    const limits = await limitsOf(this.#o, null, out);
    const work = await this.work(directory);
    // The newest first, since it names all others.
    const nights = [this.number, ...Array.from({ length: this.number }, (_, i) => i)];
    await this.#extract(nights, directory, work, limits);
    const done = await this.assemble(directory, work, out);
    this.#compare(done);
    return { entries: done.entries, bytes: done.bytes, origin: this.#isProven ? 'proven' : 'not proven' };
  }

  /** Where the increments go, below that directory. */
  async work(directory: string): Promise<string> {
    const work = path.join(directory, `.depot-${randomBytes(8).toString('hex')}`);
    await make(work);
    return work;
  }

  /** Opens one suitcase of the chain, and checks that it belongs to it. */
  extract(night: number, directory: string, work: string, limits: Limits): Promise<void> {
    return this.#extract([night], directory, work, limits);
  }

  async #extract(nights: readonly number[], directory: string, work: string, limits: Limits): Promise<void> {
    const members = [];
    for (const night of nights) {
      const place = night === 0 ? directory : path.join(work, String(night));
      if (night > 0) await make(place);
      members.push({
        member: this.#members[night]!,
        mode: { kind: 'extract', directory: place, isPart: true } as const,
      });
    }
    const { opened } = await openMembers(
      { members, limits, goesOn: false, night: null, signal: this.#o.signal },
      this.hooks,
    );
    for (const [i, result] of opened.entries()) {
      if (result instanceof DepotError) throw result;
      this.#check(nights[i]!, this.#seen(nights[i]!, result));
    }
  }

  async assemble(directory: string, work: string, out: string, missing?: readonly number[]): Promise<Assembled> {
    const { maxBytes, maxEntries } = await limitsOf(this.#o, this.#isProven ? stated(this.#receipt!) : null, out);
    const { number: increments, sources } = this.#chain;
    const depositIds = this.#members.map(({ depositId }) => depositId);
    const salvage = missing === undefined ? {} : { salvage: { missing, depositIds } };
    return assembleChain(
      { directory, work, increments, sources, maxBytes, maxEntries, ...salvage },
      { signal: this.#o.signal, warn: (message) => this.hooks.warn(message), progress: () => undefined },
    );
  }

  get #isProven(): boolean {
    return this.#receipt !== null && this.#o.signers.length > 0;
  }

  #seen(night: number, result: OpenResult): ManifestResult {
    const { depositId } = this.#members[night]!;
    try {
      if (night === this.#chain.number) sameAsReceipt(result, this.#receipt);
      return agreeing(result);
    } catch (error) {
      if (isDepotError(error)) error.message = `${printable(depositId)}: ${error.message}`;
      throw error;
    }
  }

  /** Whether the suitcase, now that it is authentic, says of the chain what the others say. */
  #check(night: number, { chain, manifest }: ManifestResult): void {
    const { depositId } = this.#members[night]!;
    if (night === 0) {
      if (chain !== undefined || manifest === 'none')
        throw new DepotError(
          'archive-refused',
          `${printable(depositId)} is not a full deposit, and a chain begins with one`,
        );
    } else if (chain === undefined) throw wrong(`${printable(depositId)} is not an increment`);
    else if (night === this.#chain.number) {
      if (JSON.stringify(chain) !== JSON.stringify(this.#chain))
        throw wrong(`${printable(depositId)} names other suitcases than when it was first read`);
    } else if (chain.number !== night) throw wrong(`${printable(depositId)} has the wrong number in its chain`);
    else requireSameChain(this.#chain, chain);
  }

  #compare(found: { entries: number; bytes: number; datasetSha256: string }): void {
    const said = this.#receipt?.chain;
    if (said === undefined) return;
    if (found.datasetSha256 !== said.datasetSha256)
      throw wrong('the dataset that was put together is not the one that the receipt names');
    if (found.entries !== said.entries || found.bytes !== said.bytes)
      throw wrong(
        `the dataset has ${found.entries} entries with ${found.bytes} bytes, but the receipt says ${said.entries} with ${said.bytes}`,
      );
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
