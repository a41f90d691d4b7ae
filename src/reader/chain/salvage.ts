/** `decrypt --salvage`: what can be had of a night when suitcases are missing or damaged. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { removeExtracted } from '../../dataset/extract/remove.js';
import { DepotError, isDepotError } from '../../errors.js';
import type { Decrypted, DecryptHooks } from '../decrypt.js';
import { printable } from '../../printable.js';
import { freePlace, removeOrSay } from '../output.js';
import { PartialDirectory } from '../partial-directory.js';
import { limitsOf } from '../room.js';
import type { Member, Members } from './members.js';
import { Restoring, type RestoringOptions } from './restoring.js';

/** Into `<out>.incomplete`. @throws DepotError 'incomplete' when there is nothing to take */
export async function salvage(
  o: RestoringOptions,
  hooks: DecryptHooks,
  { night, members }: Members,
  wanted: string,
  out: string,
): Promise<Decrypted> {
  const place = await freePlace(`${out}.incomplete`);
  const broken = new Set<Member>();
  // Without its own suitcase, nobody knows what a night holds.
  for (let last = members.length - 1; last > 0; last--) {
    const member = members[last]!;
    if (member.suitcase?.chain == null) continue;
    const upTo = members.slice(0, last + 1).map((one) => (broken.has(one) ? { ...one, suitcase: null } : one));
    const own = { ...night, id: member.depositId, suitcase: member.suitcase, receipt: null };
    const restoring = new Restoring(o, hooks, {
      night: last === members.length - 1 ? { ...own, receipt: night.receipt } : own,
      members: upTo,
    });
    const saved = await into(restoring, upTo, place, hooks, (one) => broken.add(members[one]!));
    if (saved !== null)
      return {
        ...saved,
        salvaged: {
          of: member.depositId,
          wanted,
          incomplete: saved.incomplete,
          missing: missingOf(members, broken, wanted),
          whole: wholeNights(members, broken),
        },
      };
  }
  throw new DepotError(
    'incomplete',
    `nothing can be saved of ${printable(wanted)}: there is no increment that can be opened`,
    {
      hint: 'ask the agent for the suitcases; of an increment, the increment itself is needed at least',
    },
  );
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
  restoring: Restoring,
  members: readonly Member[],
  place: string,
  hooks: DecryptHooks,
  isBroken: (night: number) => void,
): Promise<(Omit<Decrypted, 'salvaged'> & { incomplete: number }) | null> {
  const partial = await PartialDirectory.make(place);
  try {
    const work = await restoring.work(partial.path);
    const { number } = restoring;
    const missing: number[] = [];
    for (const night of [number, ...Array.from({ length: number }, (_, i) => i)]) {
      if (members[night]!.suitcase !== null && (await isOpened(restoring, night, partial.path, work, hooks, place)))
        continue;
      isBroken(night);
      if (night === number) {
        await removeOrSay(partial, hooks);
        return null;
      }
      missing.push(night);
    }
    const { entries, bytes, incomplete } = await restoring.assemble(partial.path, work, place, missing);
    await partial.putInPlace();
    return { entries, bytes, incomplete, out: place, origin: 'not proven', warnings: [] };
  } catch (error) {
    await removeOrSay(partial, hooks);
    throw error;
  }
}

/** What does not authenticate counts as missing: nothing of it is left. */
async function isOpened(
  restoring: Restoring,
  night: number,
  directory: string,
  work: string,
  hooks: DecryptHooks,
  place: string,
): Promise<boolean> {
  const before = new Set(await readdir(directory));
  try {
    await restoring.extract(night, directory, work, await limitsOf({}, null, place));
    return true;
  } catch (error) {
    if (!isDepotError(error, 'verification-failed') && !isDepotError(error, 'archive-refused')) throw error;
    hooks.warn(error.message);
    if (night > 0) removeExtracted(path.join(work, String(night)));
    else
      for (const name of await readdir(directory)) if (!before.has(name)) removeExtracted(path.join(directory, name));
    return false;
  }
}
