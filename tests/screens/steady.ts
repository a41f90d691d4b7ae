/** What differs from one run to the next is replaced by what it is like, as wide as it was where that can be. */

export interface Shown {
  /** Directories and addresses of the run, and what stands for them; the longest first. */
  places: readonly (readonly [is: string, shown: string])[];
  /** The first day, `2026-11-21`; it and those after it become the days of an example. */
  firstDay: string;
}

const dayMs = 86_400_000;
const first = Date.UTC(2026, 10, 21);

const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const compact = (day: string): string => day.replaceAll('-', '');

export function steady(text: string, { places, firstDay }: Shown): string {
  let out = text;
  for (const [is, shown] of places) out = out.replaceAll(is, shown);
  for (let day = -1; day < 8; day++) {
    const [is, shown] = [iso(Date.parse(firstDay) + day * dayMs), iso(first + day * dayMs)];
    out = out.replaceAll(is, `‹${shown}›`).replaceAll(compact(is), `‹${compact(shown)}›`);
  }
  return (
    out
      .replace(/[‹›]/g, '')
      // A list may show the beginning of an id alone.
      .replace(/(20\d{6}T\d{4})\d\dZ/g, '$100Z')
      .replace(/(?<=T\d{6}Z_)[0-9a-f]{16}/g, '5f0c9a1e77b2d410')
      .replace(/(?<!\d)(\d\d:\d\d):\d\d(?!\d)/g, '$1:00')
      .replace(/(created +)20\d\d-\d\d-\d\d \d\d:\d\d/, '$12026-10-05 09:00')
      .replace(/\b(\d+h)\d\dm\b/g, '$129m')
      .replace(/process \d+ on [^\s,)]+/g, 'process 4711 on acme1')
      // Where a line breaks depends on the number of digits of a process.
      .replace(
        /(process 4711 on acme1\)) was\s+killed,\s+or the machine went down; run it again:\s+depot push acme-crm; the last\s+deposit\s+becomes\s+stale/,
        '$1 was\n  killed, or the machine went down; run it again: depot push acme-crm; the last\n  deposit becomes stale',
      )
      .replace(/^! cron is not running(?:.*\n)+?(?=This switches)/m, '')
      .replace(/\d+(?:\.\d)? [KMGT]iB free/, '60.9 GiB free')
      .replace(/(suitcase-size +|\()\d+(?=\s+bytes)/, '$12750')
      .replace(/(report\.html, )\d+\.\d/, '$125.0')
      .replace(/\b[0-9a-f]{32}\b/g, '5f0c9a1e'.repeat(4))
      .replace(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/g, '⠋')
      .replaceAll('^C', '')
      .replace(/\b[0-9a-f]{64}\b/g, 'a'.repeat(64))
      .replace(/\b[0-9a-f]{8}…[0-9a-f]{4}\b/g, '0c9a1e77…b2d4')
      .replace(/\b[0-9A-F]{4}…[0-9A-F]{4}\b/g, '8F3A…2D41')
      .replace(/\b(?:[0-9A-F]{4} +){5,}(?:[0-9A-F]{4})\b/g, (groups) => groups.replace(/[0-9A-F]{4}/g, '8F3A'))
      .replace(/\b[0-9A-F]{40}\b/g, '8F3A'.repeat(10))
      .replace(/\b[0-9A-F]{16}\b/g, '8F3A'.repeat(4))
      .replace(/SHA256:[A-Za-z0-9+/]{43}/g, `SHA256:${'xfA9'.repeat(10)}xfA`)
      .replace(
        /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
        '5f0c9a1e-77b2-4d41-8f3a-0c9a1e77b2d4',
      )
      .replace(/\d+(\.\d)? (?:[KMG]i)?B\/s/g, '1.0 MiB/s')
      .replace(/\b\d+(?:\.\d)?( ?)(ms|s)\b(?! old)/g, '1$1s')
      .replace(/\bNode \d+\.\d+\.\d+|v\d+\.\d+\.\d+/g, 'Node 20.19.0')
  );
}
