import { arrangementPattern, parseArrangementName } from '../names/arrangement.js';
import { parseFingerprint } from '../names/fingerprint.js';
import { printable } from '../printable.js';
import type { Value } from './document.js';
import { duration, type Kind, line, list, named, oneOf, parsed, path, truth } from './kinds.js';
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
  name: required(line, {
    about: 'As it is to stand in receipts and letters.',
    example: 'Gemeente Voorbeeld',
    wrong: ['" "'],
  }),
  key: required(path, {
    about: "The beneficiary's public key.",
    example: 'keys/voorbeeld.asc',
    wrong: ['~root/voorbeeld.asc'],
    later: {
      'key-unreadable': 'the file is no public key',
      'recipient-unusable': 'the key is expired, revoked, too weak, or cannot encrypt',
    },
  }),
  fingerprint: required(fingerprint, {
    about: 'In full, as the beneficiary read it to you.',
    example: '"8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2"',
    wrong: ['"0123456789ABCDEF"', '"8F3A 91C2 00"'],
    later: { 'recipient-unusable': 'the key in the file has another fingerprint' },
  }),
  keyMadeBy: preset(oneOf('beneficiary', 'supplier'), 'beneficiary', {
    about:
      '`supplier`: you made this key for the beneficiary, so what it proves is your own word; attestations are shown as self-attested.',
    example: 'supplier',
    wrong: ['agent'],
  }),
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
export const shrinkage = mapping({
  below: required(percentage, {
    about: "The part of the last deposit's entries or bytes below which a dataset counts as shrunk.",
    example: '80%',
    wrong: ['0%', '0.5'],
  }),
  then: preset(outcome, 'warn', {
    about: 'What happens then, as with the short form.',
    example: 'fail',
    wrong: ['stop'],
  }),
});
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

export const arrangement = mapping(
  {
    beneficiaries: required(beneficiaries, {
      about: 'For whom the dataset is encrypted. Nobody else can read it.',
      example:
        '[{ name: Gemeente Voorbeeld, key: keys/voorbeeld.asc, fingerprint: "8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2" }]',
      wrong: ['Gemeente Voorbeeld', '[]'],
    }),
    retiredKeys: optional(list(fingerprint), {
      about: 'Keys that must never be encrypted for again.',
      example: '["8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C3"]',
      wrong: ['["91C3"]'],
      later: { 'recipient-unusable': "one of them is a beneficiary's key" },
    }),
    dataset: required(dataset, {
      about: 'What is deposited.',
      example: '[{ directory: /srv/crm/export }, { command: [pg_dump, crm], as: crm.pgdump }]',
      wrong: ['/srv/crm/export', '[{ file: a/x }, { file: b/x }]'],
    }),
    remote: optional(writtenRemote, {
      about: 'Keys of [`remote`](#remote) that differ for this arrangement.',
      example: '{ directory: /incoming/crm }',
      wrong: ['/incoming/crm'],
    }),
    specification: optional(path, {
      about: 'Your own document about the dataset. It goes inside the deposit, where only beneficiaries can read it.',
      example: 'SPECIFICATION.md',
      wrong: ['""'],
      later: { 'source-failed': 'there is no such file' },
    }),
    minSize: optional(size, {
      about: 'The least size of the dataset, before compression.',
      example: '500MiB',
      wrong: ['5M', '-5'],
      later: { 'source-too-small': 'the dataset is smaller' },
    }),
    shrink: preset(
      shrink,
      { below: half, then: 'warn' },
      {
        written: 'warn',
        about:
          'What it means that a dataset has fewer than half the entries or bytes of the last deposit: `warn` says so, `fail` publishes nothing, `off` does not compare.',
        example: '{ below: 80%, then: fail }',
        wrong: ['fial', '{ then: fail }'],
        later: { 'source-shrunk': 'with `fail`, the dataset shrank' },
      },
    ),
    compression: preset(oneOf('auto', 'zstd', 'gzip', 'none'), 'auto', {
      about: "How the dataset is compressed; `auto` takes what this machine and the beneficiaries' programs can do.",
      example: 'gzip',
      wrong: ['zst'],
    }),
    encryption: preset(oneOf('auto', 'modern', 'compat'), 'auto', {
      about:
        'The form of the encrypted message: `modern` is SEIPD version 2 of RFC 9580, `compat` is version 1, which older programs read too. `auto` goes by the keys.',
      example: 'compat',
      wrong: ['strong'],
      later: { 'recipient-unusable': 'with `modern`, a key does not state that it can read it' },
    }),
    spool: preset(truth, false, {
      about: 'Whether to encrypt to a local file first, whose upload is resumed after a crash.',
      example: 'true',
      wrong: ['"no"'],
      later: { 'local-disk-full': 'there is no room for the file' },
    }),
    every: optional(duration({ least: 1, bounds: 'a rhythm is longer than nothing' }), {
      about: 'The agreed rhythm. The arrangement is stale after 1.25 times this.',
      example: '24h',
      wrong: ['0h', 'daily'],
      later: { stale: '`depot status` finds the last deposit older' },
    }),
    ended: optional(day, {
      about: 'From this day on pushes are refused, and the arrangement is no longer stale.',
      example: '2027-01-31',
      wrong: ['2027-02-30', '31-01-2027'],
      later: { 'arrangement-ended': 'a push is tried on that day or later' },
    }),
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
