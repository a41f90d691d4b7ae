/** Which nights the given suitcases and receipts tell of, and which of them is wanted. */
import type { ChainedDeposit } from '../../dataset/chain/chain-file.js';
import { DepotError } from '../../errors.js';
import { parseDepositId } from '../../names/deposit.js';
import { printable } from '../../printable.js';
import type { GivenReceipt } from '../named-files.js';
import type { Given, GivenSuitcase } from './given.js';
import { typedWord } from '../../shell.js';
import { NightOrder, numberOf } from './night-order.js';
import { listed, skippedWords } from './words.js';

/** A suitcase of a chain, as far as it is known before that suitcase is seen. */
export interface Need extends Omit<ChainedDeposit, 'bytes'> {
  /** Null where only a later receipt tells of it. */
  bytes: number | null;
}

export interface Night {
  /** The deposit's id; of a suitcase of another name, that name. */
  id: string;
  /** Its suitcase, where one is given that begins as one should. */
  suitcase: GivenSuitcase | null;
  /** The file that should be it, where that cannot be opened. */
  damaged: GivenSuitcase | null;
  /** Another file that could be its suitcase as well: nothing tells which is. */
  rival: GivenSuitcase | null;
  receipt: GivenReceipt | null;
  /** The suitcases before it, the full deposit first; null where that is not known. */
  needs: Need[] | null;
}

/** What `--at` chose, or the newest. */
export interface Choice {
  night: Night;
  all: Night[];
  /** Nights that were not taken, in words. */
  leftAside: string[];
}

/** @throws DepotError 'usage' when it has to be asked which is meant; 'incomplete' when there is nothing */
export async function chooseNight(given: Given, at: string | undefined): Promise<Choice> {
  const { all, order } = await nightsOf(given);
  if (all.length === 0) throw nothing(given);
  const { problem } = given.suitcases[0] ?? { problem: null };
  if (problem !== null && given.suitcases.every((one) => one.problem?.code === 'not-addressed')) throw problem;
  const tips = all.filter((night) => !order.isNeeded(night));
  const night = at === undefined ? newestOf(tips, all, order) : named(at, all);
  if (night.rival !== null) throw twoFiles(night.suitcase!, night.rival);
  const others = tips.filter((tip) => tip !== night && !isWithin(tip, night));
  return { night, all, leftAside: others.map(inWords) };
}

/**
 * The newest night; two arrangements, two that continue one deposit, and two of which nothing tells which is newer, need a
 * word from the user.
 */
function newestOf(tips: readonly Night[], all: readonly Night[], order: NightOrder<Night>): Night {
  const arrangements = new Map<string | null, Night[]>();
  // A file that cannot be opened, and whose name says nothing, may be anything.
  const known = tips.filter((tip) => tip.suitcase !== null || tip.receipt !== null || arrangementOf(tip) !== null);
  for (const tip of known.length > 0 ? known : tips) {
    const arrangement = arrangementOf(tip);
    arrangements.set(arrangement, [...(arrangements.get(arrangement) ?? []), tip]);
  }
  const newest = [...arrangements.values()].flatMap((some) => order.newest(some));
  if (arrangements.size > 1) throw ambiguous('deposits of more than one arrangement', newest, order);
  if (newest.length > 1) throw ambiguous('deposits, and nothing here shows which is the newest', newest, order);
  const night = newest[0]!;
  const forked = all.filter((other) => other !== night && fullOf(other) === fullOf(night) && !isWithin(other, night));
  const ends = tips.filter((tip) => tip === night || forked.includes(tip));
  if (ends.length > 1) throw ambiguous('two chains that begin with the same deposit', ends, order);
  return night;
}

function named(at: string, all: readonly Night[]): Night {
  const night = all.find(({ id }) => id === at);
  if (night !== undefined) return night;
  for (const later of all) {
    const number = later.needs?.findIndex(({ depositId }) => depositId === at) ?? -1;
    if (number !== -1)
      return {
        id: at,
        suitcase: null,
        damaged: null,
        rival: null,
        receipt: null,
        needs: later.needs!.slice(0, number),
      };
  }
  throw new DepotError('usage', `--at ${printable(at)}: there is no such deposit in what was given`, {
    hint: `name one of: ${listed(all.map(({ id }) => printable(id)).reverse())}`,
  });
}

/** The same whatever the order in which they are given. */
async function nightsOf({ suitcases, receipts }: Given): Promise<{ all: Night[]; order: NightOrder<Night> }> {
  const given = { suitcases: inOrder(suitcases), receipts: inOrder(receipts) };
  const nights = new Map<string, Night>();
  const nightOf = (id: string): Night => {
    let night = nights.get(id);
    if (night === undefined)
      nights.set(id, (night = { id, suitcase: null, damaged: null, rival: null, receipt: null, needs: null }));
    return night;
  };
  for (const one of given.receipts) {
    const night = nightOf(one.receipt.depositId);
    // Of two receipts of one deposit, the later counts.
    if (night.receipt === null || night.receipt.receipt.ledger.sequence < one.receipt.ledger.sequence)
      night.receipt = one;
  }
  const known = new Identities(given);
  for (const suitcase of given.suitcases) {
    const night = nightOf(await known.idOf(suitcase));
    if (suitcase.problem !== null) night.damaged ??= suitcase;
    else await known.take(suitcase, night);
  }
  for (const night of nights.values()) {
    if (night.suitcase !== null) night.needs = night.suitcase.chain?.deposits ?? [];
  }
  for (const night of nights.values()) night.needs ??= byReceipts(night, nights) ?? byLater(night, nights);
  const all = [...nights.values()];
  const order = new NightOrder(all);
  return { all: all.sort((a, b) => order.compare(a, b)), order };
}

function inOrder<T extends { path: string }>(files: readonly T[]): T[] {
  return [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Whose suitcase a file is, when its name does not say it: by the digests that receipts and chains tell. */
class Identities {
  /** What receipts say comes first: anyone can make a chain. */
  readonly #byDigest = new Map<string, Set<string>>();
  readonly #sizes = new Set<number>();

  constructor({ suitcases, receipts }: Pick<Given, 'suitcases' | 'receipts'>) {
    for (const { receipt } of receipts) this.#add(receipt.depositId, receipt.suitcase);
    for (const { chain } of suitcases)
      for (const deposit of chain?.deposits ?? []) this.#add(deposit.depositId, deposit);
  }

  async idOf(suitcase: GivenSuitcase): Promise<string> {
    if (suitcase.depositId !== null) return suitcase.depositId;
    const [known] = await this.#idsOf(suitcase);
    return known ?? suitcase.path.slice(suitcase.path.search(/[^/\\]*$/));
  }

  /** Of several files for one deposit, the one with the digest; where nobody tells that, they must be copies. */
  async take(suitcase: GivenSuitcase, night: Night): Promise<void> {
    const isKnown = async (one: GivenSuitcase): Promise<boolean> => (await this.#idsOf(one)).has(night.id);
    if (night.suitcase === null || (await isKnown(suitcase))) {
      night.suitcase = suitcase;
      night.rival = null;
    } else if (!(await isKnown(night.suitcase)) && !(await areCopies(night.suitcase, suitcase))) night.rival = suitcase;
  }

  async #idsOf(suitcase: GivenSuitcase): Promise<ReadonlySet<string>> {
    const ids = this.#sizes.has(suitcase.bytes) ? this.#byDigest.get(await suitcase.sha256()) : undefined;
    return ids ?? new Set();
  }

  #add(id: string, { bytes, sha256 }: { bytes: number; sha256: string }): void {
    this.#sizes.add(bytes);
    this.#byDigest.set(sha256, (this.#byDigest.get(sha256) ?? new Set()).add(id));
  }
}

async function areCopies(a: GivenSuitcase, b: GivenSuitcase): Promise<boolean> {
  return a.bytes === b.bytes && (await a.sha256()) === (await b.sha256());
}

/** What a receipt without its suitcase tells of the chain, with the receipts and suitcases before it. */
function byReceipts({ receipt }: Night, nights: ReadonlyMap<string, Night>): Need[] | null {
  const needs: Need[] = [];
  for (let chain = receipt?.receipt.chain; chain !== undefined && chain.number > 0; ) {
    const previous = nights.get(chain.previousDepositId!);
    const stated = previous?.receipt?.receipt;
    needs.unshift({
      depositId: chain.previousDepositId!,
      bytes: stated?.suitcase.bytes ?? null,
      sha256: chain.previousSuitcaseSha256!,
    });
    if (previous?.suitcase != null) return [...(previous.suitcase.chain?.deposits ?? []), ...needs];
    if (stated?.chain === undefined) return chain.number === 1 ? needs : null;
    if (stated.chain.number !== chain.number - 1) return null;
    chain = stated.chain;
  }
  return receipt === null ? null : needs;
}

/** What a later suitcase tells of the chain of one before it. */
function byLater({ id }: Night, nights: ReadonlyMap<string, Night>): Need[] | null {
  for (const { suitcase } of nights.values()) {
    const deposits = suitcase?.chain?.deposits ?? [];
    const number = deposits.findIndex(({ depositId }) => depositId === id);
    if (number !== -1) return deposits.slice(0, number);
  }
  return null;
}

/** Of the same arrangement, the newest night that is not known to be newer, and whose suitcase is there. */
export function newestBefore(night: Night, all: readonly Night[]): Night | undefined {
  const [arrangement, earlier] = [arrangementOf(night), all.slice(0, all.indexOf(night))];
  return earlier.reverse().find((one) => one.suitcase !== null && arrangementOf(one) === arrangement);
}

function fullOf({ id, needs, receipt }: Night): string {
  return receipt === null ? (needs?.[0]?.depositId ?? id) : (receipt.receipt.chain?.fullDepositId ?? id);
}

/** Whether it is a part of that chain, or may be, where only the receipt tells how long that is. */
function isWithin(one: Night, chain: Night): boolean {
  if (chain.needs !== null) return chain.needs.some(({ depositId }) => depositId === one.id);
  return fullOf(one) === fullOf(chain) && (numberOf(one) ?? Infinity) < (numberOf(chain) ?? 0);
}

function arrangementOf({ id, needs }: Night): string | null {
  return parseDepositId(id)?.arrangement ?? parseDepositId(needs?.[0]?.depositId ?? '')?.arrangement ?? null;
}

function inWords({ id, needs }: Night): string {
  const number = needs?.length ?? 0;
  return `${printable(id)}${number === 0 ? '' : ` (increment ${number} of ${needs![0]!.depositId})`}`;
}

function ambiguous(what: string, nights: readonly Night[], order: NightOrder<Night>): DepotError {
  const newest = order.newest(nights).map(({ id }) => `--at ${typedWord(id)}`);
  return new DepotError('usage', `there are ${what}: ${listed(nights.map(inWords))}`, {
    hint:
      newest.length === 1
        ? `say which one you want; the newest: ${newest[0]!}`
        : `say which one you want: ${listed(newest)}`,
  });
}

function twoFiles({ path, depositId }: GivenSuitcase, rival: GivenSuitcase): DepotError {
  const names = `${printable(path)} and ${printable(rival.path)}`;
  return new DepotError('usage', `${names} differ, and both are called ${printable(depositId ?? path)}`, {
    hint: 'put the receipt of that deposit beside them, which shows which is the right one; or name files, and only one of these',
  });
}

function nothing({ passedOver }: Given): DepotError {
  const seen = passedOver.length === 0 ? '' : `; skipped: ${listed(passedOver.map(skippedWords))}`;
  return new DepotError('local-unreadable', `there is no suitcase in what was given${seen}`, {
    hint: 'name suitcases (<id>.tar.….pgp), or a directory that holds them',
  });
}
