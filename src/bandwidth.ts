/** How many bytes per second may go to a server: always, or by the clock. Times are local, as the clock on the wall shows them. */

/** From a minute of the day (0 to 1439) to another, not included (up to 1440); over midnight where it ends before it begins. */
export interface Span {
  from: number;
  to: number;
  /** Bytes per second; Infinity without a limit. */
  rate: number;
}

export interface Bandwidth {
  spans: readonly Span[];
  /** Outside of them. */
  otherwise: number;
}

export function isIn({ from, to }: Pick<Span, 'from' | 'to'>, minute: number): boolean {
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

/** What all of these allow at this moment: the lowest. Infinity without a limit. */
export function rateAt(limits: readonly Bandwidth[], at: Date): number {
  const minute = at.getHours() * 60 + at.getMinutes();
  return limits.reduce(
    (lowest, { spans, otherwise }) => Math.min(lowest, spans.find((span) => isIn(span, minute))?.rate ?? otherwise),
    Infinity,
  );
}

/** When a span begins or ends next, in milliseconds; Infinity where there are none. */
function nextChange(limits: readonly Bandwidth[], now: number): number {
  const day = new Date(now);
  let next = Infinity;
  for (const minute of limits.flatMap(({ spans }) => spans.flatMap(({ from, to }) => [from, to]))) {
    // The day after, too: and a time that the clock leaves out in spring is some other time.
    for (const days of [0, 1]) {
      const at = new Date(day.getFullYear(), day.getMonth(), day.getDate() + days, 0, minute).getTime();
      if (at > now) next = Math.min(next, at);
    }
  }
  return next;
}

/** From this part of the limit on, it is the limit that holds an upload up. */
const atTheLimit = 0.8;
/** Of spans that are looked at one by one; what is left then takes months. */
const mostStretches = 200;

/**
 * How many milliseconds so many bytes take from `now` on. `measured`: bytes per second, now. Where that is what the limit allows, another limit is expected to be reached too, and
 * where there will be none, nothing better than what is measured is promised.
 */
export function timeToSend(limits: readonly Bandwidth[], bytes: number, measured: number, now: number): number {
  const isHeld = measured >= atTheLimit * rateAt(limits, new Date(now));
  let at = now;
  let left = bytes;
  for (let i = 0; i < mostStretches; i++) {
    const rate = rateAt(limits, new Date(at));
    const perMs = (rate === Infinity ? measured : isHeld ? rate : Math.min(rate, measured)) / 1000;
    const until = nextChange(limits, at);
    if (left <= perMs * (until - at)) return at - now + left / perMs;
    left -= perMs * (until - at);
    at = until;
  }
  return at - now + (left / measured) * 1000;
}
