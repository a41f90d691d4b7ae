/** How far apart the clocks of two machines may be before a time counts as one in the future. */
export const clockSkewMs = 10 * 60_000;

/**
 * How long ago `at` was, in milliseconds; null when it is in the future. Then a clock was or is wrong and the age is not
 * known. It must never count as young: one clock that is ahead would silence every alarm until then.
 */
export function ageOf(at: Date | string, now: Date): number | null {
  const ms = now.getTime() - (typeof at === 'string' ? Date.parse(at) : at.getTime());
  return ms >= 0 ? ms : ms >= -clockSkewMs ? 0 : null;
}

export interface TimeOfDay {
  hour: number;
  minute: number;
}

/** When it was last this time of day, here: today, or else yesterday. */
export function lastTime({ hour, minute }: TimeOfDay, now: Date): Date {
  const day = now.getDate();
  const today = new Date(now.getFullYear(), now.getMonth(), day, hour, minute);
  return today <= now ? today : new Date(now.getFullYear(), now.getMonth(), day - 1, hour, minute);
}

/** `02:00:07`, local time. */
export function clockTime(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}
