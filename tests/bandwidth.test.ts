import { afterEach, describe, expect, test } from 'vitest';
import { type Bandwidth, rateAt, timeToSend } from '../src/bandwidth.js';

const MiB = 1024 * 1024;
const zone = process.env.TZ;
afterEach(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

const day: Bandwidth = { spans: [{ from: 8 * 60, to: 18 * 60, rate: 5 * MiB }], otherwise: Infinity };
const night: Bandwidth = { spans: [{ from: 22 * 60, to: 6 * 60, rate: 20 * MiB }], otherwise: MiB };

describe('the limit by the clock', () => {
  test('holds from the first minute of its span to the last, in local time', () => {
    process.env.TZ = 'America/New_York';
    const at = (time: string): number => rateAt([day], new Date(`2026-11-29T${time}`));
    expect([at('07:59:59'), at('08:00:00'), at('17:59:59'), at('18:00:00')]).toEqual([
      Infinity,
      5 * MiB,
      5 * MiB,
      Infinity,
    ]);
    expect(rateAt([day], new Date('2026-11-29T13:00:00Z')), '08:00 in New York').toBe(5 * MiB);
  });

  test('goes over midnight', () => {
    const at = (time: string): number => rateAt([night], new Date(`2026-11-29T${time}:00`));
    expect([at('21:59'), at('22:00'), at('00:00'), at('05:59'), at('06:00')].map((rate) => rate / MiB)).toEqual([
      1, 20, 20, 20, 1,
    ]);
  });

  test('is that of the clock on the wall on the days on which it is changed', () => {
    process.env.TZ = 'Europe/Amsterdam';
    const spring: Bandwidth = { spans: [{ from: 150, to: 240, rate: MiB }], otherwise: Infinity };
    expect(rateAt([spring], new Date('2026-03-29T00:59:00Z')), '01:59').toBe(Infinity);
    expect(rateAt([spring], new Date('2026-03-29T01:00:00Z')), '03:00, the next minute').toBe(MiB);
    expect(rateAt([spring], new Date('2026-03-29T02:00:00Z')), '04:00').toBe(Infinity);
    const autumn: Bandwidth = { spans: [{ from: 120, to: 180, rate: MiB }], otherwise: Infinity };
    for (const utc of ['00:30', '01:30'])
      expect(rateAt([autumn], new Date(`2026-10-25T${utc}:00Z`)), 'twice 02:30').toBe(MiB);
    expect(rateAt([autumn], new Date('2026-10-25T02:00:00Z')), '03:00').toBe(Infinity);
  });

  test('of several is the lowest, and none where there is none', () => {
    expect(rateAt([day, { spans: [], otherwise: 2 * MiB }], new Date('2026-11-29T12:00:00'))).toBe(2 * MiB);
    expect(rateAt([], new Date())).toBe(Infinity);
  });
});

describe('the time left', () => {
  const at = (time: string): number => new Date(`2026-11-29T${time}:00`).getTime();
  const minutes = (limits: Bandwidth[], bytes: number, measured: number, from: string): number =>
    timeToSend(limits, bytes, measured, at(from)) / 60_000;

  test('is by the limit in force, and from its end on by the next', () => {
    const limits: Bandwidth = { ...day, otherwise: 20 * MiB };
    expect(minutes([limits], 60 * 5 * MiB, 4.9 * MiB, '12:00')).toBeCloseTo(1, 5);
    // Ten minutes at 5 MiB/s, then ten at 20.
    expect(minutes([limits], 600 * 25 * MiB, 5 * MiB, '17:50')).toBeCloseTo(20, 5);
  });

  test('counts with a limit that is still to come, and promises nothing of a time without one', () => {
    // Ten minutes at what the link gives, then ten times as long.
    expect(minutes([day], 1200 * 50 * MiB, 50 * MiB, '07:50')).toBeCloseTo(110, 5);
    expect(minutes([day], 3600 * 5 * MiB, 5 * MiB, '17:30')).toBeCloseTo(60, 5);
  });

  test('is by what is measured where that is less than the limit', () => {
    expect(minutes([day], 600 * MiB, MiB, '12:00')).toBeCloseTo(10, 5);
  });

  test('goes over days, the one of 23 hours too', () => {
    process.env.TZ = 'Europe/Amsterdam';
    const from = new Date('2026-03-28T18:00:00').getTime();
    const limits: Bandwidth = { spans: [{ from: 8 * 60, to: 18 * 60, rate: 5 * MiB }], otherwise: MiB };
    // 13 hours of that night at 1 MiB/s, then an hour at 5.
    expect(timeToSend([limits], (13 + 5) * 3600 * MiB, MiB, from) / 3_600_000).toBeCloseTo(14, 5);
  });

  test('of years is no endless loop', () => {
    expect(timeToSend([day], 1e18, MiB, at('12:00'))).toBeGreaterThan(1e9);
  });
});
