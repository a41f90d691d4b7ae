/**
 * The candidate that someone who typed `wanted` most likely meant: at most a third of the letters, and never more than 3,
 * differ (two swapped letters count as one), or it is the only one that begins like this. Undefined when none is near.
 */
export function closest(wanted: string, candidates: Iterable<string>): string | undefined {
  // A pasted paragraph resembles no key, and the distance costs length × length.
  if (wanted.length > 64) return undefined;
  const all = [...candidates];
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.max(1, Math.floor(wanted.length / 3))) + 1;
  for (const candidate of all) {
    const d = editDistance(wanted.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
    }
  }
  if (best !== undefined || wanted.length < 2) return best;
  const longer = all.filter((candidate) => candidate.toLowerCase().startsWith(wanted.toLowerCase()));
  return longer.length === 1 ? longer[0] : undefined;
}

/** `, did you mean 'host'?`, or nothing when no candidate is near; ready to be put after a message. */
export function didYouMean(wanted: string, candidates: Iterable<string>): string {
  const near = closest(wanted, candidates);
  return near === undefined ? '' : `, did you mean '${near}'?`;
}

/** A hint with the candidate that was most likely meant, else `otherwise`. */
export function spelled(wanted: string, candidates: Iterable<string>, otherwise: string): string {
  const near = closest(wanted, candidates);
  return near === undefined ? otherwise : `check the spelling: did you mean ${near}?`;
}

/** Damerau-Levenshtein distance (optimal string alignment): insert, delete, replace or swap neighbours. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let d = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, beforeLast[j - 2]! + 1);
      row.push(d);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
