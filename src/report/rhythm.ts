/** Deposits against the rhythm that was agreed. */
import { lateness } from '../standing/standing.js';

/** A time without a deposit that was longer than agreed. */
export interface Gap {
  /** The deposit before it, milliseconds since 1970. */
  from: number;
  /** The deposit that ended it, or the moment up to which it lasts. */
  to: number;
  /** No deposit has ended it yet. */
  open: boolean;
}

/**
 * Where deposits were due and did not come, oldest first. `times` are those of the deposits, ascending; `until` is now, or the end
 * of the arrangement when that is earlier. Before the first deposit nothing was due.
 */
export function gapsOf(times: readonly number[], everyMs: number, until: number): Gap[] {
  const gaps: Gap[] = [];
  const allowed = everyMs * lateness;
  times.forEach((from, i) => {
    const next = times[i + 1];
    if (next !== undefined && next - from > allowed) gaps.push({ from, to: next, open: false });
    if (next === undefined && until - from > allowed) gaps.push({ from, to: until, open: true });
  });
  return gaps;
}

/** The times that a deposit of each `times` answers for, joined where they touch: [from, to] pairs, at most until `until`. */
export function coveredBy(times: readonly number[], everyMs: number, until: number): [from: number, to: number][] {
  const covered: [number, number][] = [];
  const allowed = everyMs * lateness;
  for (const [i, from] of times.entries()) {
    const next = times[i + 1] ?? until;
    const to = Math.max(from, next - from > allowed ? from + everyMs : next);
    const last = covered.at(-1);
    if (last !== undefined && last[1] >= from) last[1] = Math.max(last[1], to);
    else covered.push([from, to]);
  }
  return covered;
}

/**
 * How many of each may be listed, so that all together are no more than `most`: those who have few give what they do not need to
 * the others.
 */
export function sharesOf(counts: readonly number[], most: number): number[] {
  const shares = counts.map(() => 0);
  let left = most;
  const byCount = counts.map((count, i) => ({ count, i })).sort((a, b) => a.count - b.count);
  byCount.forEach(({ count, i }, done) => {
    shares[i] = Math.min(count, Math.floor(left / (byCount.length - done)));
    left -= shares[i];
  });
  return shares;
}
