import { describe, expect, test } from 'vitest';
import { ageOf, clockSkewMs, lastTime } from '../src/clock.js';

/** Where the clock goes from 02:00 to 03:00 on 29 March 2026, and from 03:00 to 02:00 on 25 October. */
const zone = 'Europe/Amsterdam';

/** In that zone: a test file has a process of its own. */
process.env.TZ = zone;

describe('the last time that it was a time of day', () => {
  test.each([
    ['2026-06-10T01:30', '01:30', '2026-06-10T01:30'],
    ['2026-06-10T01:29', '01:30', '2026-06-09T01:30'],
    ['2026-06-10T07:30', '01:30', '2026-06-10T01:30'],
    ['2026-06-10T00:30', '22:30', '2026-06-09T22:30'],
    ['2026-03-01T00:00', '00:01', '2026-02-28T00:01'],
    // A day of 23 hours, and one of 25.
    ['2026-03-29T07:30', '01:30', '2026-03-29T01:30'],
    ['2026-03-30T01:00', '01:30', '2026-03-29T01:30'],
    ['2026-10-25T07:30', '01:30', '2026-10-25T01:30'],
    ['2026-10-26T01:00', '01:30', '2026-10-25T01:30'],
    // 02:30 was not on that day, and stands for 03:30.
    ['2026-03-29T03:15', '02:30', '2026-03-28T02:30'],
    ['2026-03-29T04:30', '02:30', '2026-03-29T03:30'],
  ])('at %s, %s was last at %s', (now, time, at) => {
    const [hour, minute] = time.split(':').map(Number) as [number, number];
    expect(lastTime({ hour, minute }, new Date(now))).toEqual(new Date(at));
  });

  test('02:30 on the day on which it is twice is the first of the two', () => {
    const second = new Date('2026-10-25T02:45+01:00');
    expect(lastTime({ hour: 2, minute: 30 }, second)).toEqual(new Date('2026-10-25T02:30+02:00'));
  });
});

test('a time in the future has no age, but for clocks that differ a little', () => {
  const now = new Date('2026-06-10T01:30:00Z');
  expect(ageOf('2026-06-10T01:00:00Z', now)).toBe(30 * 60_000);
  expect(ageOf(new Date(now.getTime() + clockSkewMs), now)).toBe(0);
  expect(ageOf(new Date(now.getTime() + clockSkewMs + 1), now)).toBeNull();
});
