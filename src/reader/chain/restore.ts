/** `decrypt` where more than one suitcase is given: the newest night, or the one that `--at` names. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ManifestResult } from '../../dataset/compare.js';
import { requireSameChain, type Chain } from '../../dataset/increment/chain-file.js';
import { localError } from '../../durable-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import { assembleChain } from '../../open/chain.js';
import { openSuitcase } from '../../open/opening.js';
import { printable } from '../../printable.js';
import type { Receipt } from '../../receipt/schema.js';
import { decrypt, type Decrypted, type DecryptHooks, type DecryptOptions, fetchAgain } from '../decrypt.js';
import { agreeing, sameAsReceipt, wrong } from '../found.js';
import { openingKeyOf } from '../opening-key.js';
import { freePlace, removeOrSay } from '../output.js';
import { PartialDirectory } from '../partial-directory.js';
import { limitsOf, type Limits } from '../room.js';
import { openSuitcaseFile } from '../suitcase-file.js';
import { readGiven, wipe } from './given.js';
import { findMembers, requireStatedChain, requireWhole, type Member, type Members } from './members.js';
import { chooseNight, type Choice } from './nights.js';

export interface DecryptChainOptions extends Omit<DecryptOptions, 'suitcase' | 'stdout' | 'out'> {
  /** Suitcases, and directories that hold them. */
  suitcases: string[];
  out: string;
  /** A deposit's id. */
  at?: string | undefined;
}

/** As `decrypt`: everything authenticated first, then put in place. When it throws, there is no output. */
export async function decryptChain(o: DecryptChainOptions, hooks: DecryptHooks): Promise<Decrypted> {
  const out = await freePlace(o.out);
  const key = await openingKeyOf(o);
  if (key === null) throw new DepotError('usage', 'no private key given', { hint: 'add --key FILE, or --gpg' });
  const given = await readGiven(o, key);
  try {
    const choice = await chooseNight(given, o.at ?? receiptsOwn(o, given.receipts));
    for (const one of given.passedOver) hooks.warn(`passed over: ${one}`);
    const found = await findMembers(choice.night, given);
    requireStatedChain(choice.night);
    await requireWhole(found, choice, given);
    const opened =
      found.members.length === 1
        ? await decrypt(
            { ...o, out, suitcase: choice.night.suitcase!.path, receipt: choice.night.receipt?.path },
            hooks,
          )
        : await toDirectory(new Restoring(o, hooks, found), out);
    return { ...opened, night: nightOf(choice) };
  } finally {
    wipe(given.suitcases);
  }
}

/** A receipt that was named says which night is meant. */
function receiptsOwn(o: DecryptChainOptions, [first]: readonly { receipt: Receipt }[]): string | undefined {
  return o.receipt === undefined ? undefined : first?.receipt.depositId;
}

function nightOf({ night: { id, needs, receipt }, leftAside }: Choice): NonNullable<Decrypted['night']> {
  return { depositId: id, number: needs?.length ?? 0, hasReceipt: receipt !== null, leftAside };
}

async function toDirectory(restoring: Restoring, out: string): Promise<Decrypted> {
  const partial = await PartialDirectory.make(out);
  try {
    const done = await restoring.into(partial.path, out);
    await partial.putInPlace();
    return { ...done, out, warnings: [] };
  } catch (error) {
    await removeOrSay(partial, restoring.hooks);
    if (isDepotError(error, 'verification-failed')) error.hint ??= fetchAgain;
    throw error;
  }
}

class Restoring {
  readonly #o: DecryptChainOptions;
  readonly hooks: DecryptHooks;
  readonly #members: readonly Member[];
  readonly #receipt: Receipt | null;
  readonly #chain: Chain;
  readonly #total: number;
  #done = 0;

  constructor(o: DecryptChainOptions, hooks: DecryptHooks, { night, members }: Members) {
    this.#o = o;
    this.hooks = hooks;
    this.#members = members;
    this.#receipt = night.receipt?.receipt ?? null;
    this.#chain = night.suitcase!.chain!;
    this.#total = members.reduce((sum, { suitcase }) => sum + suitcase!.bytes, 0);
  }

  /** The wanted night into a directory that is empty but for the caller's mark. */
  async into(directory: string, out: string): Promise<Omit<Decrypted, 'out' | 'warnings'>> {
    const proven = this.#receipt !== null && this.#o.signers.length > 0;
    const whole = proven ? stated(this.#receipt) : null;
    const limits = await limitsOf(this.#o, null, out);
    const work = path.join(directory, `.depot-${randomBytes(8).toString('hex')}`);
    await make(work);
    await this.#extract(directory, work, limits);
    const { signal } = this.#o;
    const hooks = { signal, warn: this.hooks.warn.bind(this.hooks), progress: () => undefined };
    const { number, sources } = this.#chain;
    const { maxBytes, maxEntries } = await limitsOf(this.#o, whole, out);
    const done = await assembleChain({ directory, work, increments: number, sources, maxBytes, maxEntries }, hooks);
    this.#compare(done);
    return { entries: done.entries, bytes: done.bytes, origin: proven ? 'proven' : 'not proven' };
  }

  /** The newest first, since it names all others. */
  async #extract(directory: string, work: string, limits: Limits): Promise<void> {
    const { number } = this.#chain;
    const place = (night: number): string => (night === 0 ? directory : path.join(work, String(night)));
    for (const night of [number, ...Array.from({ length: number }, (_, i) => i)]) {
      if (night > 0) await make(place(night));
      this.#check(night, await this.#open(night, place(night), limits));
    }
  }

  async #open(night: number, directory: string, limits: Limits): Promise<ManifestResult> {
    const { suitcase, need, depositId } = this.#members[night]!;
    const file = await openSuitcaseFile(suitcase!.path);
    try {
      const { handle, preamble, consumed } = file;
      const { sessionKey, cipher } = suitcase!.unwrapped!;
      const mode = { kind: 'extract', directory, isPart: true } as const;
      const opened = await openSuitcase(
        { fd: handle.fd, preamble, consumed, sessionKey, cipher, mode, ...limits, wantsSha256: need !== null },
        {
          signal: this.#o.signal,
          warn: (message) => this.hooks.warn(message),
          progress: (bytes) => this.hooks.progress({ bytes: this.#done + bytes, totalBytes: this.#total }),
        },
      );
      this.#done += opened.bytes;
      if (need !== null && opened.sha256 !== need.sha256)
        throw wrong(`${printable(suitcase!.path)} changed while it was read`);
      if (night === this.#chain.number) sameAsReceipt(opened, this.#receipt);
      return agreeing(opened);
    } catch (error) {
      if (isDepotError(error)) error.message = `${printable(depositId)}: ${error.message}`;
      throw error;
    } finally {
      await file.handle.close();
    }
  }

  /** Whether the suitcase, now that it is authentic, says of the chain what the others say. */
  #check(night: number, { chain, manifest }: ManifestResult): void {
    const { depositId } = this.#members[night]!;
    if (night === 0) {
      if (chain !== undefined || manifest === 'none')
        throw new DepotError(
          'archive-refused',
          `${printable(depositId)} is no full deposit, and a chain begins with one`,
        );
    } else if (chain === undefined) throw wrong(`${printable(depositId)} is no increment`);
    else if (night === this.#chain.number) {
      if (JSON.stringify(chain) !== JSON.stringify(this.#chain))
        throw wrong(`${printable(depositId)} names other suitcases than when it was first looked at`);
    } else if (chain.number !== night) throw wrong(`${printable(depositId)} has another number in its chain`);
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
