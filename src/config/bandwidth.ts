/** `bandwidthLimit:` one rate, or several by the clock. */
import { type Bandwidth, isIn, type Span } from '../bandwidth.js';
import type { Value } from './document.js';
import { type Kind, named, parsed } from './kinds.js';
import { parseRate, parseSpan } from './values.js';

const rate = named(
  'rate',
  'A size per second (`20MiB/s`, in bytes and not bits, at least `1KiB/s`), or `none`.',
  {
    anyOf: [
      { enum: ['none', '0', 0] },
      { type: 'string', pattern: '^[0-9]{1,16}(\\.[0-9]{1,6})? ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?/s$' },
    ],
    examples: ['20MiB/s', 'none'],
  },
  parsed(parseRate),
);

const always = 'default';
const spanPattern = `^(${always}|([01]?[0-9]|2[0-3]):[0-5][0-9] ?- ?(([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00))$`;

export const bandwidth: Kind<Bandwidth> = named(
  'bandwidth',
  'A rate, or rates by time of day: `{ "08:00-18:00": 5MiB/s, default: 20MiB/s }`. Times are local; a span may cross midnight. Outside the spans, `default` applies; without a `default`, there is no limit then.',
  {
    anyOf: [
      rate.schema,
      {
        type: 'object',
        minProperties: 1,
        additionalProperties: false,
        patternProperties: { [spanPattern]: rate.schema },
      },
    ],
  },
  (value) => {
    if (value.pairs !== undefined) return byTheClock(value);
    const found = rate.read(value);
    return found === null ? null : { spans: [], otherwise: found };
  },
);

function byTheClock(value: Value): Bandwidth | null {
  const spans: Span[] = [];
  let otherwise: number | null = Infinity;
  let whole = true;
  for (const [name, pair] of value.pairs ?? []) {
    const found = rate.read(pair.value);
    if (name === always) {
      otherwise = found;
      continue;
    }
    const span = parseSpan(name);
    if ('wrong' in span) pair.key.report(`${pair.key.shown}: ${span.wrong}; for the rest of the day, use default`);
    else if (spans.some((one) => overlap(one, span.value))) pair.key.report(`${pair.key.shown} overlaps another span`);
    else if (found !== null) {
      spans.push({ ...span.value, rate: found });
      continue;
    }
    whole = false;
  }
  if (value.pairs?.size === 0) return value.report('expected a span like "08:00-18:00", found none');
  return whole && otherwise !== null ? { spans, otherwise } : null;
}

type Times = Pick<Span, 'from' | 'to'>;
function overlap(one: Times, other: Times): boolean {
  return isIn(one, other.from) || isIn(other, one.from);
}
