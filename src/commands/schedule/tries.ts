/** When a night's push is tried, and how often anybody looks whether it worked. */
import type { TimeOfDay } from '../../clock.js';

const dayMin = 24 * 60;
/** How long after the first try the last one is over, unless `--until` says so. */
const windowMin = 6 * 60;

/**
 * At `at`, and every hour after that as long as it is before `until`. Each is the same command, with `--if-none-since at
 * --if-not-running`: the first one that succeeds is the last one that does anything, and all that find nothing to do are silent.
 *
 * It is not the age of the last deposit that decides (`--if-older-than`), since that counts from its end: a deposit that was
 * made by hand in the evening, or took until then, would keep the first pushes of the night from beginning, and one that
 * takes 18 h would move through the night until a night goes without. What was begun since `at` is a deposit of this night,
 * however long the window, the day (DST) or the push is; so the next night's first try always pushes. How often deposits are
 * agreed (`every`) does not matter to that: it is one a day, with a second chance.
 *
 * With the usual six hours, the last try is 5 h after the first. So from one night's deposit to the next it is 29 h at most
 * (30 h where the clock is set back), and what the second push takes longer; stale is more than 1.25 × 24 h = 30 h.
 */
export function triesFrom(at: TimeOfDay, until = usualUntil(at)): TimeOfDay[] {
  const window = (minutes(until) - minutes(at) + dayMin) % dayMin;
  const more = Math.max(0, Math.ceil(window / 60) - 1);
  return Array.from({ length: 1 + more }, (_, hours) => later(at, hours * 60));
}

export function usualUntil(at: TimeOfDay): TimeOfDay {
  return later(at, windowMin);
}

/** Where nobody said it: from how many tries there are, as `triesFrom` makes them of it. */
export function untilOf(at: TimeOfDay, tries: number): TimeOfDay {
  return tries === 1 ? at : later(at, tries * 60);
}

/** Half an hour after each try: by then, most pushes have come to their end. */
export function statusMinute({ minute }: TimeOfDay): number {
  return (minute + 30) % 60;
}

/** When all tries are over; for who looks once a day. */
export function afterTries(tries: readonly TimeOfDay[]): TimeOfDay {
  return later(tries.at(-1)!, 60);
}

export function clockText({ hour, minute }: TimeOfDay): string {
  return `${two(hour)}:${two(minute)}`;
}

/** Null for what is no time of day, `01:30`. */
export function timeOfDay(text: string): TimeOfDay | null {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hour === undefined ? null : { hour: Number(hour), minute: Number(minute) };
}

export function two(n: number): string {
  return String(n).padStart(2, '0');
}

function later(time: TimeOfDay, by: number): TimeOfDay {
  const at = (minutes(time) + by) % dayMin;
  return { hour: Math.floor(at / 60), minute: at % 60 };
}

function minutes({ hour, minute }: TimeOfDay): number {
  return hour * 60 + minute;
}
