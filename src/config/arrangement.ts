import { arrangementPattern, parseArrangementName } from '../names/arrangement.js';
import { parseFingerprint } from '../names/fingerprint.js';
import { printable } from '../printable.js';
import type { Value } from './document.js';
import { duration, type Kind, line, list, named, oneOf, parsed, path, truth, wholeNumber } from './kinds.js';
import { mapping, optional, preset, required, type Values } from './mapping.js';
import { writtenRemote } from './remote.js';
import { dataset } from './sources.js';
import { parseDay, parsePercent, parseSize } from './values.js';

const fingerprint = named(
  'fingerprint',
  'An OpenPGP fingerprint in full, 40 or 64 hexadecimal digits; spaces and colons do not matter.',
  {
    type: ['string', 'number'],
    pattern: '^[\\s:]*(0[xX])?[\\s:]*([0-9A-Fa-f][\\s:]*){40}(([0-9A-Fa-f][\\s:]*){24})?$',
  },
  parsed(parseFingerprint),
);

const size = named(
  'size',
  'A number of bytes, or a number with a unit: `kB`, `MB`, `GB`, `TB` count by thousands, `KiB`, `MiB`, `GiB`, `TiB` by 1024.',
  {
    anyOf: [
      { type: 'number', minimum: 0 },
      { type: 'string', pattern: '^[0-9]{1,16}(\\.[0-9]{1,6})? ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$' },
    ],
    examples: ['500MiB', '1GiB', '20GB'],
  },
  parsed(parseSize),
);

const percentage = named(
  'percentage',
  'A whole number from 1 to 100 and `%`.',
  { type: 'string', pattern: '^(0{0,2}[1-9]|0?[1-9][0-9]|100)%$', examples: ['50%', '90%'] },
  parsed(parsePercent),
);

const day = named(
  'day',
  'A date like `2027-01-31`; it begins at 00:00 UTC.',
  { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' },
  parsed(parseDay),
);

export const beneficiary = mapping({
  name: required(line),
  key: required(path),
  fingerprint: required(fingerprint),
  keyMadeBy: preset(oneOf('beneficiary', 'supplier'), 'beneficiary'),
});

const beneficiaries: Kind<Values<typeof beneficiary.keys>[]> = {
  ...list(beneficiary),
  type: 'list of [beneficiaries](#keys-of-a-beneficiary)',
  read: (value) => {
    const seen = new Map<string, Value>();
    return list({
      ...beneficiary,
      read: (member) => {
        const found = beneficiary.read(member);
        const first = seen.get(found?.fingerprint ?? '');
        if (first !== undefined) return member.at('fingerprint').report(`the same key as at ${first.place}`);
        if (found !== null) seen.set(found.fingerprint, member.at('fingerprint'));
        return found;
      },
    }).read(value);
  },
};

const outcome = oneOf('warn', 'fail', 'off');
export const shrinkage = mapping({ below: required(percentage), then: preset(outcome, 'warn') });
const half = 0.5;
const shrink: Kind<Values<typeof shrinkage.keys>> = {
  type: `${outcome.type}, or a [mapping](#keys-of-shrink)`,
  schema: { anyOf: [outcome.schema, shrinkage.schema] },
  read: (value) => {
    if (value.pairs !== undefined) return shrinkage.read(value);
    const then = outcome.read(value);
    return then === null ? null : { below: half, then };
  },
};

const dayMs = 24 * 3600 * 1000;
const increments = mapping({
  fullEvery: preset(duration({ least: dayMs, bounds: 'at least 1d' }), 30 * dayMs, '30d'),
  maxIncrements: preset(wholeNumber(1, 200), 60),
  agentKeeps: required(duration({ least: 2 * dayMs, bounds: 'at least 2d' })),
  rereadEvery: preset(duration({ least: dayMs, bounds: 'at least 1d' }), 30 * dayMs, '30d'),
});
export const incremental: typeof increments = {
  ...increments,
  read: (value) => {
    const found = increments.read(value);
    if (found === null || found.agentKeeps >= 2 * found.fullEvery) return found;
    return value
      .at('agentKeeps')
      .report(
        `agentKeeps must be at least ${(2 * found.fullEvery) / dayMs}d, twice fullEvery: a deposit opens only with those before it, back to the full one, which the agent must still have`,
      );
  },
};

export const arrangement = mapping(
  {
    beneficiaries: required(beneficiaries),
    retiredKeys: optional(list(fingerprint)),
    dataset: required(dataset),
    remote: optional(writtenRemote),
    specification: optional(path),
    minSize: optional(size),
    shrink: preset(shrink, { below: half, then: 'warn' }, 'warn'),
    compression: preset(oneOf('auto', 'zstd', 'gzip', 'none'), 'auto'),
    encryption: preset(oneOf('auto', 'modern', 'compat'), 'auto'),
    incremental: optional(incremental),
    spool: preset(truth, false),
    every: optional(duration({ least: 1, bounds: 'longer than 0s' })),
    ended: optional(day),
  },
  {
    notes: {
      sources: 'write dataset:',
      host: 'it belongs under remote:',
      directory: 'it belongs under remote: or dataset:',
      beneficiary: 'write beneficiaries: (a list)',
    },
  },
);

/** An arrangement as it stands in a file; what was wrong in it is reported and missing here. */
export interface WrittenArrangement {
  name: string;
  key: Value;
  keys: Partial<Values<typeof arrangement.keys>>;
}

/** The `arrangements:` of a file, by name. */
export const arrangements: Kind<WrittenArrangement[]> = named(
  'arrangements',
  '',
  {
    type: ['object', 'null'],
    propertyNames: { pattern: arrangementPattern.source },
    additionalProperties: arrangement.schema,
  },
  (value) => {
    // `arrangements:` with nothing after it is how a new file begins.
    if (value.kind === 'nothing') return [];
    if (value.pairs === undefined)
      return value.report(`expected a mapping of names to arrangements, found ${value.shown}`);
    const found: WrittenArrangement[] = [];
    for (const [name, pair] of value.pairs) {
      const parsed = parseArrangementName(name);
      if ('wrong' in parsed)
        pair.key.report(`'${printable(name).slice(0, 60)}' cannot be the name of an arrangement: ${parsed.wrong}`);
      const keys = arrangement.parts(pair.value);
      if (keys !== null) found.push({ name, key: pair.key, keys });
    }
    return found;
  },
);
