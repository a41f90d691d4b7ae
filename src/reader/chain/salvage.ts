/** `decrypt --salvage`: what can be had of a night when suitcases are missing or damaged. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Incomplete } from '../../dataset/assemble/salvage.js';
import { removeExtracted } from '../../dataset/extract/remove.js';
import { DepotError, isDepotError } from '../../errors.js';
import { decrypt, type Decrypted, type DecryptHooks, type DecryptOptions } from '../decrypt.js';
import { printable } from '../../printable.js';
import { wholeNight } from '../../receipt/chain.js';
import { freePlace, removeOrSay } from '../output.js';
import { PartialDirectory } from '../partial-directory.js';
import { limitsOf } from '../room.js';
import type { GivenReceipt } from '../named-files.js';
import { missingWords, type Member, type Members } from './members.js';
import { Restoring } from './restoring.js';
import { tellsOf } from './stated.js';

type SalvageOptions = Omit<DecryptOptions, 'suitcase' | 'stdout' | 'out' | 'receipt'>;

/** What is to be saved, and what is at hand for it. */
export interface Salvageable {
  found: Members;
  /** The deposit's id that was asked for. */
  wanted: string;
  receiptOf: (depositId: string) => GivenReceipt | null;
}

interface Taken extends Omit<Decrypted, 'salvaged'> {
  incomplete: Incomplete;
  entriesOfNight: number | null;
}

/** Into `<out>.incomplete`. @throws DepotError 'incomplete' or 'verification-failed' when there is nothing to take */
export async function salvage(
  o: SalvageOptions,
  hooks: DecryptHooks,
  { found, wanted, receiptOf }: Salvageable,
  out: string,
): Promise<Decrypted> {
  const { members } = found;
  const place = await freePlace(`${out}.incomplete`);
  const broken = new Set<Member>();
  // Without its own suitcase, nobody knows what a night holds.
  for (let last = members.length - 1; last >= 0; last--) {
    const member = members[last]!;
    if (member.suitcase === null || broken.has(member)) continue;
    const receipt = receiptFor(member, receiptOf);
    const taken = await (last === 0
      ? fullDeposit(o, hooks, member, receipt, place)
      : increment(o, hooks, { found, last, receipt, place }, broken));
    if (taken === null) broken.add(member);
    else {
      const { incomplete, entriesOfNight, ...saved } = taken;
      return {
        ...saved,
        night: { depositId: member.depositId, number: last, hasReceipt: receipt !== null, leftAside: [] },
        salvaged: {
          of: member.depositId,
          wanted,
          entriesOfNight,
          incomplete: incomplete.withMissingBytes + incomplete.maybeOutdated,
          ...incomplete,
          missing: missingOf(members, broken, wanted),
          whole: wholeNights(members, broken),
        },
      };
    }
  }
  const { words, code } = missingWords(found);
  throw new DepotError(
    broken.size > 0 ? 'verification-failed' : (code ?? 'incomplete'),
    `nothing of ${printable(wanted)} can be saved: ${broken.size > 0 ? 'every suitcase of its chain is missing or damaged' : words}`,
    { hint: 'ask the agent for the suitcases; to save anything, depot needs at least one that is undamaged' },
  );
}

/** Its own receipt, where that tells of the chain that its suitcase names. */
function receiptFor({ depositId, suitcase, need }: Member, receiptOf: Salvageable['receiptOf']): GivenReceipt | null {
  const given = receiptOf(depositId);
  const isIts = given !== null && (need === null || given.receipt.suitcase.sha256 === need.sha256);
  return isIts && tellsOf(given.receipt.chain, suitcase!.chain) ? given : null;
}

/** Null when it is not sound. What only its receipt denies is saved, as nobody's: there may be nothing else. */
async function fullDeposit(
  o: SalvageOptions,
  hooks: DecryptHooks,
  member: Member,
  receipt: GivenReceipt | null,
  place: string,
): Promise<Taken | null> {
  try {
    const opened = await decrypt({ ...o, suitcase: member.suitcase!.path, receipt: receipt?.path, out: place }, hooks);
    const entriesOfNight = receipt === null ? null : wholeNight(receipt.receipt).entries;
    return { ...opened, incomplete: { withMissingBytes: 0, maybeOutdated: 0 }, entriesOfNight };
  } catch (error) {
    if (!isUnsound(error)) throw error;
    hooks.warn(error.message);
    return receipt === null ? null : fullDeposit(o, hooks, member, null, place);
  }
}

interface Increment {
  found: Members;
  last: number;
  receipt: GivenReceipt | null;
  place: string;
}

/** Null when its own suitcase is not sound; `broken` gets those that are not. */
async function increment(
  o: SalvageOptions,
  hooks: DecryptHooks,
  { found: { night, members }, last, receipt, place }: Increment,
  broken: Set<Member>,
): Promise<Taken | null> {
  const { depositId, suitcase } = members[last]!;
  if (suitcase!.chain === null) return null;
  const upTo = members.slice(0, last + 1).map((one) => (broken.has(one) ? { ...one, suitcase: null } : one));
  const own = { ...night, id: depositId, suitcase, receipt };
  const restoring = new Restoring(o, hooks, { night: own, members: upTo });
  return into(o, restoring, upTo, place, (one) => broken.add(members[one]!));
}

function isUnsound(error: unknown): error is DepotError {
  return isDepotError(error, 'verification-failed') || isDepotError(error, 'archive-refused');
}

function missingOf(members: readonly Member[], broken: ReadonlySet<Member>, wanted: string): string[] {
  const missing = members.filter((one) => one.suitcase === null || broken.has(one)).map(({ depositId }) => depositId);
  return members.some(({ depositId }) => depositId === wanted) ? missing : [...missing, wanted];
}

/** Nights of which everything is at hand. */
function wholeNights(members: readonly Member[], broken: ReadonlySet<Member>): string[] {
  const gap = members.findIndex((one) => one.suitcase === null || broken.has(one));
  return members.slice(0, gap === -1 ? members.length : gap).map(({ depositId }) => depositId);
}

/** Null when the suitcase of the night itself cannot be opened; `isBroken` hears of each that cannot. */
async function into(
  o: SalvageOptions,
  restoring: Restoring,
  members: readonly Member[],
  place: string,
  isBroken: (night: number) => void,
): Promise<Taken | null> {
  const { hooks } = restoring;
  const partial = await PartialDirectory.make(place);
  try {
    const work = await restoring.work(partial.path);
    const { number } = restoring;
    const missing: number[] = [];
    for (const night of [number, ...Array.from({ length: number }, (_, i) => i)]) {
      if (
        members[night]!.suitcase !== null &&
        (await isOpened(o, restoring, night, { directory: partial.path, work, place }))
      )
        continue;
      isBroken(night);
      if (night === number) {
        await removeOrSay(partial, hooks);
        return null;
      }
      missing.push(night);
    }
    const saved = await restoring.salvage(partial.path, work, place, missing);
    await partial.putInPlace();
    const { entries, bytes, incomplete } = saved;
    // As of a full deposit: what is all there, and not what the receipt says, is nobody's.
    const isDenied = missing.length === 0 && restoring.difference(saved) !== null;
    return {
      entries,
      bytes,
      incomplete,
      out: place,
      origin: restoring.isProven && !isDenied ? 'proven' : 'not proven',
      warnings: [],
      entriesOfNight: isDenied ? null : (restoring.entriesOfNight ?? null),
    };
  } catch (error) {
    await removeOrSay(partial, hooks);
    // What cannot be put together is no better than what does not authenticate; an earlier night may be.
    if (!isUnsound(error)) throw error;
    hooks.warn(error.message);
    return null;
  }
}

/** What does not authenticate counts as missing: nothing of it is left. */
async function isOpened(
  o: SalvageOptions,
  restoring: Restoring,
  night: number,
  { directory, work, place }: { directory: string; work: string; place: string },
): Promise<boolean> {
  const before = new Set(await readdir(directory));
  try {
    await restoring.extract(night, { directory, work, limits: await limitsOf(o, null, place) });
    return true;
  } catch (error) {
    if (!isUnsound(error)) throw error;
    restoring.hooks.warn(error.message);
    if (night > 0) removeExtracted(path.join(work, String(night)));
    else
      for (const name of await readdir(directory)) if (!before.has(name)) removeExtracted(path.join(directory, name));
    return false;
  }
}
