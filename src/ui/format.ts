/** Numbers, times and names as people read them: binary units, local time with its zone, short fingerprints. */
import type { Hanging } from './wrap.js';

const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `512 B`, `1.0 KiB`, `18.4 GiB`. */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  let value = n / 1024;
  let unit = 0;
  // 1023.95 would be shown as "1024.0" of the smaller unit.
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]!}`;
}

/** `14.0 MiB/s`; nothing to divide by counts as one millisecond. */
export function rate(n: number, ms: number): string {
  return `${bytes(Math.round(n / (Math.max(ms, 1) / 1000)))}/s`;
}

/** `4,812`. */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `1 file`, `4,812 files`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `0.4 s`, `13 s`, `6 min 13 s`, `2 h 5 min`, `3 d 4 h`: two units at most. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(Math.max(ms, 0) / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return pair(min, 'min', s % 60, 's');
  const h = Math.floor(min / 60);
  if (h < 48) return pair(h, 'h', min % 60, 'min');
  return pair(Math.floor(h / 24), 'd', h % 24, 'h');
}

function pair(a: number, aUnit: string, b: number, bUnit: string): string {
  return b === 0 ? `${a} ${aUnit}` : `${a} ${aUnit} ${b} ${bUnit}`;
}

/** For tables: `45s`, `12m`, `30h12m`, `5d`, without spaces. Hours up to three days, since deposits are daily. */
export function age(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min}m`;
  const h = Math.floor(min / 60);
  if (h < 72) return min % 60 === 0 ? `${h}h` : `${h}h${String(min % 60).padStart(2, '0')}m`;
  return h % 24 === 0 ? `${h / 24}d` : `${Math.floor(h / 24)}d${h % 24}h`;
}

export function ago(ms: number): string {
  return ms < 60_000 ? 'just now' : `${age(ms)} ago`;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** Made once for each zone: that takes longer than a thousand uses. */
function clockIn(zone: string | undefined): Intl.DateTimeFormat {
  const known = clocks.get(zone ?? '');
  if (known !== undefined) return known;
  // en-GB names European zones (CET); en-US would say GMT+1.
  const clock = new Intl.DateTimeFormat('en-GB', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
    ...(zone === undefined ? {} : { timeZone: zone }),
  });
  clocks.set(zone ?? '', clock);
  return clock;
}

/** `2026-11-22 01:36 CET`, in the zone of this machine, or in `zone`. */
export function localTime(at: Date, zone?: string): string {
  const parts = clockIn(zone).formatToParts(at);
  const part = (type: string): string => parts.find((p) => p.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')} ${part('timeZoneName')}`;
}

/** `8F3A…91C2`: for the eye only; pinning and comparing take the whole fingerprint. */
export function shortFingerprint(fingerprint: string): string {
  return fingerprint.length <= 9 ? fingerprint : `${fingerprint.slice(0, 4)}…${fingerprint.slice(-4)}`;
}

/** `9f2c7d0b…e17b`. */
export function shortDigest(hex: string): string {
  return hex.length <= 13 ? hex : `${hex.slice(0, 8)}…${hex.slice(-4)}`;
}

/** A whole fingerprint in groups of four, for comparing by telephone. */
export function groupedFingerprint(fingerprint: string): string {
  return fingerprint.match(/.{1,4}/g)?.join(' ') ?? '';
}

/** Columns of a terminal; a file or a pipe has room for everything. */
export function widthOf(stream: { isTTY?: boolean; columns?: number }): number {
  return stream.isTTY === true && stream.columns !== undefined && stream.columns > 0 ? stream.columns : Infinity;
}

const rowHang = 4;

/** Rows as left-aligned columns, two spaces apart; no trailing blanks. */
export function table(rows: readonly (readonly string[])[]): Hanging[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows.map((row) => ({
    text: row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
    hang: rowHang,
  }));
}

const labelColumns = 11;

/** Lines like `sealed     5.1 GiB …`: a label of eleven columns, then the text. */
export function labelled(label: string, text: string): Hanging {
  return { text: `${label.padEnd(labelColumns - 1)} ${text}`, hang: labelColumns };
}
