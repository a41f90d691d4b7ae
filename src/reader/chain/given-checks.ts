/** The checks of a chain that its suitcases' beginnings allow, for `verify` and for the offline page. */
import type { Checks } from '../checks.js';
import { missingWords, type Members } from './members.js';

/** Adds `chain`, and `chain-key-proof` where there are suitcases before the wanted one. */
export function checkGiven(found: Members, checks: Checks): void {
  const { words, code } = missingWords(found);
  const earlier = found.members.slice(0, -1);
  if (code === 'incomplete') checks.missing('chain', words);
  else if (code !== null) checks.failed('chain', words, code);
  else checks.passed('chain', `${counted(earlier.length)} before it, each with the size and SHA-256 that it names`);
  if (earlier.length === 0) return;
  const opened = earlier.filter(({ suitcase }) => suitcase !== null).length;
  const scope = `the key opens ${opened} of the ${counted(earlier.length)} before it`;
  if (opened === earlier.length) checks.passed('chain-key-proof', scope);
  else checks.missing('chain-key-proof', scope);
}

/** Adds `chain-contents`, when all of so many before the wanted one, which has checks of its own, were opened to their ends. */
export function contentsPassed(suitcases: number, checks: Checks): void {
  checks.passed('chain-contents', `${counted(suitcases)} before it, every entry as its manifest says`);
}

function counted(suitcases: number): string {
  return `${suitcases} ${suitcases === 1 ? 'suitcase' : 'suitcases'}`;
}
