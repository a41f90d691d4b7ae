import { isIP } from 'node:net';

import type { Parsed } from '../names/parsed.js';

const durationUnits = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 } as const;

/** `90s`, `30m`, `4h`, `1d`, `2w`, `2y` (365 days) → milliseconds. Whole numbers only. */
export function parseDuration(text: string): Parsed<number> {
  const match = /^(\d{1,9})([smhdwy])$/.exec(text);
  if (match === null) return { wrong: 'a duration is a number and a unit: 90s, 30m, 4h, 1d' };
  return { value: Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits] * 1000 };
}

const sizeUnits: Record<string, number> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `500MiB`, `1.5GiB`, `20GB`, or a plain number of bytes → bytes. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d{1,16}(?:\.\d{1,6})?) ?([A-Za-z]*)$/.exec(text);
  const unit = match === null ? undefined : match[2] === '' ? 1 : sizeUnits[match[2]!];
  if (match === null || unit === undefined)
    return { wrong: 'a size is a number of bytes or has a unit: 500MiB, 1GiB, 20GB' };
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? { value: bytes } : { wrong: 'this size is too large' };
}

/** Less than this is a slip of the pen: a deposit of 1 GiB would take twelve days. */
const leastRate = 1024;

/** `20MiB/s` → bytes per second; `none` and `0` → Infinity. */
export function parseRate(text: string): Parsed<number> {
  if (text === 'none' || text === '0') return { value: Infinity };
  const size = text.endsWith('/s') ? parseSize(text.slice(0, -2)) : undefined;
  if (size === undefined || 'wrong' in size) return { wrong: rateWritten(text) };
  return size.value < leastRate ? { wrong: 'a bandwidth limit is at least 1KiB/s' } : size;
}

/** How to write what looks like a bandwidth of rclone, rsync or curl: `5M` (which is in MiB there), `off`, `08:00,5M 18:00,off`. */
function rateWritten(text: string): string {
  if (/^(?:[a-z]{3}-)?\d\d?:\d\d,/i.test(text))
    return 'write times of day in depot.yaml, as bandwidthLimit: { "08:00-18:00": 5MiB/s, default: none }';
  if (/^(?:off|unlimited|no|false)$/i.test(text)) return 'without a limit, write none';
  const meant = `${text.replace(/(\d) ?([kmgt])$/i, (_, digit: string, unit: string) => `${digit}${unit.toUpperCase()}iB`)}/s`;
  return /[A-Za-z]/.test(text) && !('wrong' in parseSize(meant.slice(0, -2)))
    ? `a bandwidth is a size per second: write ${meant}`
    : 'a bandwidth is a size per second, in bytes and not bits: 20MiB/s, 500KiB/s; without a limit: none';
}

/** `08:00-18:00`, `22:00-06:00` → minutes of the day; the end is not included. */
export function parseSpan(text: string): Parsed<{ from: number; to: number }> {
  const match = /^([01]?\d|2[0-3]):([0-5]\d) ?- ?(?:([01]?\d|2[0-3]):([0-5]\d)|(24):(00))$/.exec(text);
  if (match === null) return { wrong: 'write a span of the day as 08:00-18:00' };
  const from = Number(match[1]) * 60 + Number(match[2]);
  const to = Number(match[3] ?? match[5]) * 60 + Number(match[4] ?? match[6]);
  return from === to ? { wrong: 'this span ends when it begins' } : { value: { from, to } };
}

/** `50%` → 0.5. */
export function parsePercent(text: string): Parsed<number> {
  const match = /^(\d{1,3})%$/.exec(text);
  const percent = Number(match?.[1]);
  return match !== null && percent >= 1 && percent <= 100
    ? { value: percent / 100 }
    : { wrong: 'a part is a whole percentage from 1% to 100%' };
}

/** `2027-01-31` → 00:00 UTC of that day. */
export function parseDay(text: string): Parsed<Date> {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return { wrong: 'write a date as 2027-01-31' };
  const day = new Date(`${text}T00:00:00Z`);
  // Date turns 31 February into 3 March; such a day is a slip of the pen.
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== text) return { wrong: 'there is no such date' };
  return { value: day };
}

/** A host name or an address, with no user, port or scheme in it. */
export function parseHost(text: string): Parsed<string> {
  if (isIP(text) !== 0) return { value: text };
  if (text.includes('://')) return { wrong: 'give only the host, without sftp:// or a path' };
  if (text.includes('@')) return { wrong: 'put the user name in username:' };
  if (/^\[.*\]$/.test(text)) return { wrong: 'write an IPv6 address without brackets' };
  if (/^[^:]+:\d+$/.test(text)) return { wrong: 'put the port in port:' };
  if (text.length > 253 || !/^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(text))
    return { wrong: 'this is not a host name or an address' };
  return { value: text };
}
