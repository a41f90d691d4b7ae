/** What the clock says of a time that was stored: never more than it can know. */

/** How far apart the clocks of two machines may be before a time counts as one in the future. */
export const clockSkewMs = 10 * 60_000;

/**
 * How long ago `at` was, in milliseconds; null when it is in the future. Then a clock was wrong when it was stored, or is wrong
 * now, and the age is not known: it is never young, or one wrong clock would silence every alarm for as long as it was ahead.
 */
export function ageOf(at: Date | string, now: Date): number | null {
  const ms = now.getTime() - (typeof at === 'string' ? Date.parse(at) : at.getTime());
  return ms >= 0 ? ms : ms >= -clockSkewMs ? 0 : null;
}
