/** What `Date` holds, in seconds: times further away are brought in, since systems do not agree on them. */
const FARTHEST = 8.64e12;
const NANO = 1_000_000_000n;

/**
 * A time as `fs.utimes` takes it: seconds, as a double. That is why a restored time is exact to the microsecond and no
 * better: doubles lie 0.24 µs apart in our century, and the libuv of Node 20 cuts off what is below a microsecond. The
 * double is chosen so that the microsecond is right all the same. (Before 1970 libuv's versions round differently, and
 * after 2106 doubles are too far apart: there it may be off by one or two.)
 *
 * @param ns nanoseconds since 1970
 * @returns a string where it is negative: Node takes a negative number to mean now
 */
export function timestamp(ns: bigint): number | string {
  const below = ((ns % NANO) + NANO) % NANO;
  const whole = Number((ns - below) / NANO);
  if (whole > FARTHEST) return FARTHEST;
  if (whole < -FARTHEST) return String(-FARTHEST);
  let seconds = whole + Number(below) / 1e9;
  const distance = landed(seconds, whole) - Math.floor(Number(below) / 1000);
  if (distance !== 0)
    seconds -= Math.sign(distance) * 2 ** (Math.floor(Math.log2(Math.max(1, Math.abs(seconds)))) - 52);
  return seconds < 0 ? String(seconds) : seconds;
}

/** The microseconds after `whole` seconds that libuv makes of a double. */
function landed(seconds: number, whole: number): number {
  return Math.floor(Math.trunc((seconds - whole) * 1e9) / 1000);
}
