/** Whether the suitcases of a night are there, authentic, of one chain, and together the night that the receipt names. */
import type { Chain } from '../../dataset/chain/chain-file.js';
import { type DepotError, isDepotError } from '../../errors.js';
import type { Limit } from '../../open/opening.js';
import { printable } from '../../printable.js';
import type { Checks } from '../../reader/checks.js';
import { checkGiven, contentsPassed } from '../../reader/chain/given-checks.js';
import { requirePlace } from '../../reader/chain/place.js';
import { nightDiffers } from '../../receipt/chain.js';
import type { Receipt } from '../../receipt/schema.js';
import type { ChosenNight } from './chosen-suitcases.js';
import { Night, type OpenedSuitcase, type Surveyed } from './night.js';

export interface CheckedNight extends Surveyed {
  night: Night;
}

/**
 * Adds the checks `chain`, `chain-key-proof`, `chain-contents` and `dataset`. `newest`: the night's own suitcase, when all of it
 * was found to be right. `exceeded` hears of more than `most`. Null where the night is not whole.
 */
export function checkNight(
  chosen: ChosenNight,
  newest: (OpenedSuitcase & { chain: Chain | null }) | null,
  { receipt, most, exceeded }: { receipt: Receipt | null; most: Limit; exceeded: (most: number) => void },
  checks: Checks,
): CheckedNight | null {
  checkGiven(chosen.members, checks);
  const right = rightOnes(chosen, checks);
  const chain = chosen.choice.night.suitcase?.chain ?? null;
  if (right === null || newest === null || chain === null) return null;
  const problem = placeProblem(newest, chain.number, chain);
  if (problem !== null) {
    checks.failed('chain', problem.message, problem.code);
    return null;
  }
  return survey(new Night([...right, newest], chain.sources), checks, { receipt, most, exceeded });
}

/** Null where one is missing or wrong. */
function rightOnes({ choice, members, suitcases }: ChosenNight, checks: Checks): OpenedSuitcase[] | null {
  const earlier = suitcases.slice(0, -1);
  const right: OpenedSuitcase[] = [];
  const chain = choice.night.suitcase?.chain ?? null;
  for (const [number, one] of earlier.entries()) {
    if (one === null || chain === null) continue;
    const problem = one.failure ?? placeProblem(one.opened!, number, chain);
    if (problem === null) right.push(one.opened!);
    else {
      const { depositId } = members.members[number]!;
      checks.failed('chain-contents', `${printable(depositId)}: ${problem.message}`, problem.code);
    }
  }
  if (right.length < earlier.length) return null;
  // Of none, where nothing tells what comes before it, nothing was checked.
  if (right.length > 0) contentsPassed(right.length, checks);
  return right;
}

/** Why a suitcase, now that it is authentic, is not the one for its place; null when it is. */
function placeProblem({ chain }: { chain: Chain | null }, number: number, wanted: Chain): DepotError | null {
  try {
    // One without a manifest was refused when it was opened.
    requirePlace({ manifest: 'found', ...(chain !== null && { chain }) }, number, wanted);
    return null;
  } catch (error) {
    if (!isDepotError(error)) throw error;
    return error;
  }
}

function survey(
  night: Night,
  checks: Checks,
  { receipt, most, exceeded }: { receipt: Receipt | null; most: Limit; exceeded: (most: number) => void },
): CheckedNight | null {
  let found: Surveyed;
  try {
    found = night.survey(most);
  } catch (error) {
    if (!isDepotError(error, 'archive-refused')) throw error;
    checks.refused('dataset', error);
    if (error.message === most.exceeded.message) exceeded(most.most);
    return null;
  }
  const { entries, bytes } = found;
  const summary = `${entries} entries, ${bytes} bytes`;
  const said = receipt?.chain;
  if (said === undefined) checks.notPossible('dataset', `${summary}; there is no receipt to compare with`);
  else {
    const wrong = nightDiffers(said, found);
    if (wrong === null) checks.passed('dataset', `${summary}, as the receipt says`);
    else checks.failed('dataset', wrong);
  }
  return { night, ...found };
}
