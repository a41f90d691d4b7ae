/** The suitcases that a night needs, found among those that were given. */
import { DepotError, type ErrorCode } from '../../errors.js';
import { printable } from '../../printable.js';
import type { Receipt } from '../../receipt/schema.js';
import { typedWord } from '../../shell.js';
import { wrong } from '../found.js';
import type { Given, GivenSuitcase } from './given.js';
import type { Choice, Need, Night } from './nights.js';
import { tellsOf } from './stated.js';
import type { Chain } from '../../dataset/chain/chain-file.js';
import { listed } from './words.js';

/** Suitcases that a message names: more than chains have that depot makes. */
const MOST_NAMED = 100;

/** One suitcase of the chain. */
export interface Member {
  depositId: string;
  /** Null where it is missing, or is not what it should be: nothing of it is used then. */
  suitcase: GivenSuitcase | null;
  /** What is wrong with the file that should be it. */
  damage: Damage | null;
  /** What the chain says of it; null of the wanted night itself without its receipt. */
  need: Need | null;
}

interface Damage {
  code: ErrorCode;
  words: string;
}

export interface Members {
  night: Night;
  /** The full deposit first, the wanted night last. Those before it are unknown where `night.needs` is null. */
  members: Member[];
}

/** Finds each by its size and digest, whatever its name: those alone may be used (docs/format.md, section 12). */
export function findMembers(night: Night, given: Given): Promise<Members> {
  return found(night, given, digestOf);
}

/**
 * Likewise, but a file that is the only one of its size, and begins as it should, counts as found, and is not read for that.
 * For who reads all of it next, and then compares the digest.
 */
export function findMembersBySize(night: Night, given: Given): Promise<Members> {
  return found(night, given, async (suitcase, need) => {
    const isAlone = given.suitcases.filter(({ bytes }) => bytes === suitcase.bytes).length === 1;
    const isTrusted = isAlone && need.bytes !== null && suitcase.problem === null;
    return isTrusted ? need.sha256 : digestOf(suitcase);
  });
}

type DigestOf = (suitcase: GivenSuitcase, need: Need) => Promise<string>;

const digestOf = (suitcase: GivenSuitcase): Promise<string> => suitcase.sha256();

async function found(night: Night, given: Given, digest: DigestOf): Promise<Members> {
  const members: Member[] = [];
  for (const need of night.needs ?? []) members.push(await find(need, given.suitcases, digest));
  members.push(await ownMember(night, digest));
  return { night, members };
}

export function isWhole({ night, members }: Members): boolean {
  return night.needs !== null && members.every(({ suitcase }) => suitcase !== null);
}

/** @throws DepotError 'incomplete' where suitcases are missing, 'verification-failed' where one is damaged */
export async function requireWhole(found: Members, choice: Choice, given: Given): Promise<void> {
  if (!isWhole(found)) throw incomplete(found, await newestWhole(found, choice, given), given.suitcases.length === 0);
}

async function find(need: Need, suitcases: readonly GivenSuitcase[], digest: DigestOf): Promise<Member> {
  const { depositId } = need;
  for (const suitcase of suitcases) {
    if (suitcase.bytes !== (need.bytes ?? suitcase.bytes) || suitcase.bytes === 0) continue;
    if ((await digest(suitcase, need)) !== need.sha256) continue;
    return suitcase.problem === null
      ? { depositId, suitcase, damage: null, need }
      : { depositId, suitcase: null, damage: damageOf(suitcase), need };
  }
  const named = suitcases.find((suitcase) => suitcase.depositId === depositId);
  const how =
    named === undefined || need.bytes === null || named.bytes === need.bytes
      ? 'a different SHA-256'
      : `${named.bytes} bytes instead of ${need.bytes}`;
  return {
    depositId,
    suitcase: null,
    damage: named === undefined ? null : changed(`${printable(named.path)} has ${how}`),
    need,
  };
}

async function ownMember({ id, suitcase, damaged, receipt }: Night, digest: DigestOf): Promise<Member> {
  const stated = receipt?.receipt.suitcase;
  const need = stated === undefined ? null : { depositId: id, bytes: stated.bytes, sha256: stated.sha256 };
  const member = { depositId: id, suitcase: null, need };
  if (suitcase === null) return { ...member, damage: damaged && damageOf(damaged) };
  const isThat = need === null || (suitcase.bytes === need.bytes && (await digest(suitcase, need)) === need.sha256);
  return isThat
    ? { ...member, suitcase, damage: null }
    : { ...member, damage: changed(`${printable(suitcase.path)} is not the suitcase that the receipt describes`) };
}

/** What an increment needs that was given alone. */
export function aloneWords(id: string, { deposits }: Chain): string {
  const missing = deposits.map((need) => inWords({ depositId: need.depositId, suitcase: null, damage: null, need }));
  return `${printable(id)} needs ${deposits.length + 1} suitcases; given: 1, missing: ${listed(missing, MOST_NAMED)}`;
}

/** The newest night that could be opened instead: of this chain, else of another. */
export async function newestWhole(
  { members }: Pick<Members, 'members'>,
  { night, all }: Pick<Choice, 'night' | 'all'>,
  given: Given,
): Promise<string | null> {
  const known = night.needs === null ? [] : members;
  const gap = known.findIndex(({ suitcase }) => suitcase === null);
  if (gap > 0) return known[gap - 1]!.depositId;
  for (const other of [...all].reverse()) {
    if (other !== night && other.suitcase !== null && isWhole(await findMembers(other, given))) return other.id;
  }
  return null;
}

/** `isEmpty`: there is no suitcase at all. */
function incomplete(found: Members, whole: string | null, isEmpty: boolean): DepotError {
  const { words, code } = missingWords(found);
  const hint = askFor(whole);
  return new DepotError(code ?? 'incomplete', words, {
    hint: isEmpty ? hint : `${hint}; or save what can still be read: --salvage`,
  });
}

/** `whole`: the newest night that could be opened instead. */
export function askFor(whole: string | null): string {
  const instead = whole === null ? '' : `; or take the newest night that is whole here: --at ${typedWord(whole)}`;
  return `ask the agent for what is missing${instead}`;
}

/** What a night needs, and what of that is not there; the code is null when nothing is missing. */
export function missingWords({ night, members }: Members): { words: string; code: ErrorCode | null } {
  const missing = members.filter(({ suitcase }) => suitcase === null);
  const damage = missing.find((one) => one.damage !== null)?.damage;
  const those = listed(missing.map(inWords), MOST_NAMED);
  const given = `given: ${members.length - missing.length}, missing: ${those}`;
  const needed = `${printable(night.id)} needs ${members.length} ${members.length === 1 ? 'suitcase' : 'suitcases'}`;
  const chain = night.needs === null ? night.receipt?.receipt.chain : undefined;
  const words =
    chain !== undefined && chain.number > 0
      ? `${statedWords(night.id, chain)}; missing: ${those}`
      : `${needed}${night.needs === null ? ', and those before it, which nothing here names' : ''}; ${given}`;
  return { words, code: missing.length === 0 && night.needs !== null ? null : (damage?.code ?? 'incomplete') };
}

/** Where nothing but its receipt tells of those before it, which names two of them. Whether these are there is not known. */
function statedWords(
  id: string,
  { number, fullDepositId, previousDepositId, previousSuitcaseSha256 }: NonNullable<Receipt['chain']>,
): string {
  const others = number - 2;
  const rest = others > 0 ? `, and ${others} between these that nothing here names` : '';
  return `${printable(id)} needs ${number + 1} suitcases: its own, the full one, ${printable(fullDepositId)}, the one right before its own, ${printable(previousDepositId!)} (SHA-256 ${previousSuitcaseSha256})${rest}`;
}

function inWords({ depositId, damage, need }: Member): string {
  const size = need?.bytes == null ? '' : `${need.bytes} bytes, `;
  const stated = need === null ? '' : `${size}SHA-256 ${need.sha256}`;
  const words = [damage?.words ?? '', stated].filter((one) => one !== '').join('; it should have ');
  return `${printable(depositId)}${words === '' ? '' : ` (${words})`}`;
}

function damageOf({ path, problem }: GivenSuitcase): Damage {
  return { code: problem!.code, words: `${printable(path)}: ${problem!.message}` };
}

function changed(words: string): Damage {
  return { code: 'verification-failed', words };
}

/** Whether the receipt of the wanted night tells of the chain that its suitcase names. @throws DepotError 'verification-failed' */
export function requireStatedChain({ receipt, suitcase, id }: Night): void {
  if (receipt !== null && suitcase !== null && !tellsOf(receipt.receipt.chain, suitcase.chain))
    throw wrong(`the receipt and the suitcase of ${printable(id)} name different chains`);
}
