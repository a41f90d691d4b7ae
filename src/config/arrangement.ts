import { printable } from '../printable.js';
import { line, list, localPath, oneOf, parsed, truth } from './checks.js';
import type { Check, Fields, Value } from './document.js';
import { remote, type RawRemote } from './remote.js';
import { dataset } from './sources.js';
import type { SourceSpec } from '../source.js';
import { defaults } from './defaults.js';
import type { Beneficiary, Compression, EncryptionWish, Shrink } from './types.js';
import { parseDay, parseDuration, parsePercent, parseSize } from './values.js';
import { parseArrangementName } from '../names/arrangement.js';
import { parseFingerprint } from '../names/fingerprint.js';

export const arrangementKeys = [
  'beneficiaries',
  'retiredKeys',
  'dataset',
  'remote',
  'specification',
  'minSize',
  'shrink',
  'compression',
  'encryption',
  'spool',
  'every',
  'ended',
] as const;
export const shrinkKeys = ['below', 'then'] as const;
export const beneficiaryKeys = ['name', 'key', 'fingerprint', 'keyMadeBy'] as const;

/** An arrangement as it stands in a file; `beneficiaries` and `sources` are undefined only when a problem was reported. */
export interface RawArrangement {
  name: string;
  key: Value;
  fields: Fields;
  beneficiaries: Beneficiary[] | undefined;
  retiredKeys: string[] | undefined;
  sources: SourceSpec[] | undefined;
  remote: RawRemote | undefined;
  specification: string | undefined;
  minBytes: number | undefined;
  shrink: Shrink | undefined;
  compression: Compression | undefined;
  encryption: EncryptionWish | undefined;
  spool: boolean | undefined;
  everyMs: number | undefined;
  ended: Date | undefined;
}

/** The `arrangements:` of a file, by name. */
export const arrangements: Check<RawArrangement[]> = (value) => {
  const pairs = value.pairs;
  // `arrangements:` with nothing after it is how a new file begins.
  if (pairs === undefined)
    return value.kind === 'nothing'
      ? []
      : value.report(`expected a mapping of names to arrangements, found ${value.shown}`);
  const found: RawArrangement[] = [];
  for (const [name, pair] of pairs) {
    const parsed = parseArrangementName(name);
    if ('wrong' in parsed)
      pair.key.report(`'${printable(name).slice(0, 60)}' cannot be the name of an arrangement: ${parsed.wrong}`);
    const one = arrangement(name, pair.key, pair.value);
    if (one !== null) found.push(one);
  }
  return found;
};

function arrangement(name: string, key: Value, value: Value): RawArrangement | null {
  const fields = value.fields(arrangementKeys, {
    sources: 'write dataset:',
    host: 'it belongs under remote:',
    directory: 'it belongs under remote: or dataset:',
    beneficiary: 'write beneficiaries: (a list)',
  });
  if (fields === null) return null;
  return {
    name,
    key,
    fields,
    beneficiaries: fields.required('beneficiaries', beneficiaries),
    retiredKeys: fields.optional('retiredKeys', list(parsed(parseFingerprint))),
    sources: fields.required('dataset', dataset),
    remote: fields.optional('remote', remote),
    specification: fields.optional('specification', localPath),
    minBytes: fields.optional('minSize', parsed(parseSize)),
    shrink: fields.optional('shrink', shrink),
    compression: fields.optional('compression', oneOf('auto', 'zstd', 'gzip', 'none')),
    encryption: fields.optional('encryption', oneOf('auto', 'modern', 'compat')),
    spool: fields.optional('spool', truth),
    everyMs: fields.optional('every', rhythm),
    ended: fields.optional('ended', parsed(parseDay)),
  };
}

/** `warn`, or with a threshold of its own `{ below: 80%, then: fail }`. */
const shrink: Check<Shrink> = (value) => {
  const outcome = oneOf('warn', 'fail', 'off');
  if (value.pairs === undefined) {
    const then = outcome(value);
    return then === null ? null : { below: defaults.shrinkBelow, then };
  }
  const fields = value.fields(shrinkKeys);
  if (fields === null) return null;
  const below = fields.required('below', parsed(parsePercent));
  const then = fields.has('then') ? fields.optional('then', outcome) : 'warn';
  return below === undefined || then === undefined ? null : { below, then };
};

const beneficiaries: Check<Beneficiary[]> = (value) => {
  const seen = new Map<string, Value>();
  return list<Beneficiary>((member) => {
    const fields = member.fields(beneficiaryKeys);
    if (fields === null) return null;
    const name = fields.required('name', line);
    const key = fields.required('key', localPath);
    const fingerprint = fields.required('fingerprint', parsed(parseFingerprint));
    const keyMadeBy = fields.optional('keyMadeBy', oneOf('beneficiary', 'supplier')) ?? 'beneficiary';
    if (name === undefined || key === undefined || fingerprint === undefined) return null;
    const first = seen.get(fingerprint);
    if (first !== undefined) return fields.at('fingerprint').report(`the same key as at ${first.place}`);
    seen.set(fingerprint, fields.at('fingerprint'));
    return { name, key, fingerprint, keyMadeBy };
  })(value);
};

const rhythm: Check<number> = (value) => {
  const ms = parsed(parseDuration)(value);
  return ms === 0 ? value.report(`${value.shown}: a rhythm is longer than nothing`) : ms;
};
