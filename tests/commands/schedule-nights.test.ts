/** Weeks of nights by a clock of their own: what the printed schedule runs, and whether anybody would call a deposit stale. */
import { describe, expect, test } from 'vitest';
import { lastTime, type TimeOfDay } from '../../src/clock.js';
import { clockText, statusMinute, triesFrom } from '../../src/commands/schedule/tries.js';
import { newDepositId, timestamp } from '../../src/names/deposit.js';
import { isRecent } from '../../src/push/recent.js';
import { judgeAge } from '../../src/standing/standing.js';
import type { LastDeposit } from '../../src/state/list.js';

// Clocks go forward in the second of these weeks, and back in the second of those.
process.env.TZ = 'Europe/Amsterdam';
const spring = new Date(2026, 2, 18);
const autumn = new Date(2026, 9, 14);

const minute = 60_000;
const hour = 60 * minute;
const every = 24 * hour;

interface Plan {
  from: Date;
  at: TimeOfDay;
  until?: TimeOfDay;
  /** Which of the night's tries is the first that would succeed; the ones before it fail after so many minutes. */
  succeeds: (night: number) => number;
  failsAfter?: number;
  /** How long the push of that night takes. */
  takes: (night: number) => number;
  /** A deposit by hand, at this time after noon. */
  byHand?: (night: number) => number | undefined;
  /** Instead of what was begun since the first try, the age of the last deposit decides. */
  ifOlderThanMs?: number;
}

interface Told {
  /** For each night: of each try, what became of it. */
  nights: ('deposit' | 'failed' | 'recent' | 'running')[][];
  /** Looks that found the last deposit stale, with its age in hours. */
  stale: string[];
}

/** Runs every try, deposit by hand and hourly look of so many nights in the order of time. */
function simulate(
  { from, at, until, succeeds, failsAfter = 31, takes, byHand, ifOlderThanMs }: Plan,
  nights = 28,
): Told {
  const tries = triesFrom(at, until);
  const events: { when: number; what: 'try' | 'hand' | 'look'; night: number; n: number }[] = [];
  const local = (day: number, h: number, m: number): number =>
    new Date(from.getFullYear(), from.getMonth(), from.getDate() + day, h, m).getTime();
  for (let night = 0; night < nights; night++) {
    for (const [n, time] of tries.entries()) {
      const nextDay = time.hour * 60 + time.minute < at.hour * 60 + at.minute ? 1 : 0;
      // Up to two minutes late, as RandomizedDelaySec has it; not the same for every night.
      const late = ((night * 7 + n * 3) % 5) * 0.5 * minute;
      events.push({ when: local(night + nextDay, time.hour, time.minute) + late, what: 'try', night, n });
    }
    const hand = byHand?.(night);
    if (hand !== undefined) events.push({ when: local(night, 12, 0) + hand * minute, what: 'hand', night, n: 0 });
  }
  const end = Math.max(...events.map(({ when }) => when));
  for (let when = local(1, 12, statusMinute(at)); when < end; when += hour)
    events.push({ when, what: 'look', night: 0, n: 0 });
  events.sort((a, b) => a.when - b.when);

  const told: Told = { nights: Array.from({ length: nights }, () => []), stale: [] };
  const finished: LastDeposit[] = [];
  let busyUntil = 0;
  const deposit = (begun: number, ms: number): void => {
    busyUntil = begun + ms;
    finished.push({
      depositId: newDepositId('acme-crm', new Date(begun)),
      finishedAt: timestamp(new Date(busyUntil)),
      bytes: null,
      seconds: ms / 1000,
      rehearsed: null,
      dataset: null,
      shrunkFrom: null,
    });
  };
  const lastAt = (when: number): LastDeposit | undefined =>
    finished.filter(({ finishedAt }) => Date.parse(finishedAt) <= when).at(-1);
  for (const { when, what, night, n } of events) {
    const last = lastAt(when);
    if (what === 'look') {
      const { stale, ageMs } = judgeAge({ every }, last ?? null, undefined, new Date(when));
      if (stale) told.stale.push(`${new Date(when).toISOString()}: ${(ageMs ?? NaN) / hour} h`);
      continue;
    }
    if (busyUntil > when) {
      if (what === 'try') told.nights[night].push('running');
      continue;
    }
    if (what === 'hand') {
      deposit(when, 20 * minute);
      continue;
    }
    const rule = ifOlderThanMs === undefined ? { ifNoneSince: lastTime(at, new Date(when)) } : { ifOlderThanMs };
    if (last !== undefined && isRecent(last, rule, new Date(when))) {
      told.nights[night].push('recent');
    } else if (n >= succeeds(night)) {
      deposit(when, takes(night) * minute);
      told.nights[night].push('deposit');
    } else {
      busyUntil = when + failsAfter * minute;
      told.nights[night].push('failed');
    }
  }
  return told;
}

const halfPastOne: TimeOfDay = { hour: 1, minute: 30 };
/** Numbers that look like chance, the same in every run. */
const of = (n: number, most: number): number => (n * 7919 + 104_729) % most;

describe.each([
  ['in spring', spring],
  ['in autumn', autumn],
])('%s', (_, from) => {
  test.each<[string, Omit<Plan, 'from'>]>([
    ['the first try succeeds', { at: halfPastOne, succeeds: () => 0, takes: () => 40 }],
    [
      'any of the tries succeeds',
      { at: halfPastOne, succeeds: (night) => of(night, 6), takes: (night) => 20 + of(night, 25) },
    ],
    [
      'the first and the last try succeed in turn',
      { at: halfPastOne, succeeds: (night) => (night % 2) * 5, takes: () => 20 },
    ],
    [
      'the window is over midnight',
      { at: { hour: 22, minute: 50 }, succeeds: (night) => of(night, 6), takes: () => 15 },
    ],
    [
      'the time is one that the clock leaves out',
      { at: { hour: 2, minute: 30 }, succeeds: (night) => of(night, 6), takes: () => 10 },
    ],
    [
      'somebody makes deposits in the afternoon and in the evening',
      { at: halfPastOne, succeeds: () => 0, takes: () => 40, byHand: (night) => [undefined, 130, 600, 700][night % 4] },
    ],
    ['a push takes 3 h', { at: halfPastOne, succeeds: (night) => of(night, 6), takes: () => 180 }],
    ['a push takes 20 h', { at: halfPastOne, succeeds: () => 0, takes: () => 20 * 60 }],
    ['there is one try', { at: halfPastOne, until: halfPastOne, succeeds: () => 0, takes: () => 40 }],
  ])('no deposit is ever stale, and no night has two, where %s', (_what, plan) => {
    const { nights, stale } = simulate({ from, ...plan });
    expect(stale).toEqual([]);
    for (const night of nights) {
      const found = night.indexOf('deposit');
      expect(night.filter((one) => one === 'deposit')).toHaveLength(1);
      // Before it only what failed, and what found that running; after it nothing but silence.
      expect(
        night.slice(0, found).every((one) => one === 'failed' || one === 'running'),
        String(night),
      ).toBe(true);
      expect(
        night.slice(found + 1).every((one) => one === 'recent' || one === 'running'),
        String(night),
      ).toBe(true);
      expect(['deposit', 'failed']).toContain(night[0]);
    }
  });

  test('control: a night without a deposit is stale before the next one', () => {
    const { stale } = simulate({ from, at: halfPastOne, succeeds: (night) => (night === 5 ? 99 : 0), takes: () => 40 });
    expect(stale.length).toBeGreaterThan(15);
  });

  test('control: by the age of the last deposit, long pushes move through the night until one goes without', () => {
    const plan = { from, at: halfPastOne, succeeds: () => 0, ifOlderThanMs: 7 * hour };
    expect(simulate({ ...plan, takes: () => 40 }).stale).toEqual([]);
    expect(simulate({ ...plan, takes: () => 18 * 60 }).stale).not.toEqual([]);
  });
});

test('tries are an hour apart, from --at on and before --until', () => {
  const tries = (at: string, until?: string): string => {
    const time = (text: string): TimeOfDay => {
      const [h, m] = text.split(':').map(Number) as [number, number];
      return { hour: h, minute: m };
    };
    return triesFrom(time(at), until === undefined ? undefined : time(until))
      .map(clockText)
      .join(' ');
  };
  expect(tries('01:30')).toBe('01:30 02:30 03:30 04:30 05:30 06:30');
  expect(tries('22:50')).toBe('22:50 23:50 00:50 01:50 02:50 03:50');
  expect(tries('01:30', '05:00')).toBe('01:30 02:30 03:30 04:30');
  expect(tries('01:30', '02:30')).toBe('01:30');
  expect(tries('01:30', '02:31')).toBe('01:30 02:30');
  expect(tries('01:30', '01:30')).toBe('01:30');
  expect(tries('01:30', '01:29').split(' ')).toHaveLength(24);
});
