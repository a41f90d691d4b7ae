/** Whether the suitcases of a night are there, authentic, of one chain, and together the night that the receipt names. */
import type { Chain } from '../../dataset/chain/chain-file.js';
import { isDepotError } from '../../errors.js';
import type { Limit } from '../../open/opening.js';
import { printable } from '../../printable.js';
import type { Checks } from '../../reader/checks.js';
import { missingWords } from '../../reader/chain/members.js';
import type { Receipt } from '../../receipt/schema.js';
import { wrongPlace, type ChosenNight, type ChosenSuitcase } from './chosen-suitcases.js';
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
  const { words, code } = missingWords(chosen.members);
  const earlier = chosen.suitcases.slice(0, -1);
  if (code === 'incomplete') checks.missing('chain', words);
  else if (code !== null) checks.failed('chain', words, code);
  else checks.passed('chain', `${earlier.length} suitcases before it, each with the size and SHA-256 that it names`);
  const opened = earlier.filter((one) => one !== null).length;
  const scope = `the key opens ${opened} of the ${earlier.length} suitcases before it`;
  if (opened === earlier.length) checks.passed('chain-key-proof', scope);
  else checks.missing('chain-key-proof', scope);
  const right = rightOnes(chosen, earlier, checks);
  const chain = chosen.choice.night.suitcase?.chain ?? null;
  if (right === null || newest === null || chain === null) return null;
  if (JSON.stringify(newest.chain) !== JSON.stringify(chain)) {
    checks.failed('chain', 'it names other suitcases than when it was first read');
    return null;
  }
  return survey(new Night([...right, newest], chain.sources), checks, { receipt, most, exceeded });
}

/** Null where one is missing or wrong. */
function rightOnes(
  { choice, members }: ChosenNight,
  earlier: readonly (ChosenSuitcase | null)[],
  checks: Checks,
): OpenedSuitcase[] | null {
  const right: OpenedSuitcase[] = [];
  const chain = choice.night.suitcase?.chain ?? null;
  for (const [number, one] of earlier.entries()) {
    if (one === null || chain === null) continue;
    const problem = one.failure?.message ?? wrongPlace(one, number, chain);
    if (problem === null) right.push(one.opened!);
    else
      checks.failed(
        'chain-contents',
        `${printable(members.members[number]!.depositId)}: ${problem}`,
        one.failure?.code ?? 'verification-failed',
      );
  }
  if (right.length < earlier.length) return null;
  checks.passed('chain-contents', `${right.length} suitcases, every entry as its manifest says`);
  return right;
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
  const { entries, bytes, datasetSha256 } = found;
  const summary = `${entries} entries, ${bytes} bytes`;
  const said = receipt?.chain;
  if (said === undefined) checks.notPossible('dataset', `${summary}; there is no receipt to compare with`);
  else if (said.datasetSha256 !== datasetSha256)
    checks.failed('dataset', 'the suitcases together are not the dataset that the receipt names');
  else if (said.entries !== entries || said.bytes !== bytes)
    checks.failed('dataset', `${summary}, but the receipt says ${said.entries} entries, ${said.bytes} bytes`);
  else checks.passed('dataset', `${summary}, as the receipt says`);
  return { night, ...found };
}
