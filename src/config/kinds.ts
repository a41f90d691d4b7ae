/** What a value of depot.yaml may be: how it is read, and its JSON Schema. */
import type { Parsed } from '../names/parsed.js';
import { printable } from '../printable.js';
import { didYouMean } from '../suggest.js';
import type { Check } from './document.js';
import { parseDuration } from './values.js';

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Kind<T> {
  /** As the reference page calls it. */
  type: string;
  schema: JsonSchema;
  /** Reads a value at its place, or reports what is wrong with it and returns null. */
  read: Check<T>;
}

/** Kinds that the JSON Schema and the reference page define once, by name. */
export const namedKinds = new Map<string, { about: string; schema: JsonSchema }>();

/** A kind with a name of its own; `about` explains it on the reference page, where there is something to explain. */
export function named<T>(name: string, about: string, schema: JsonSchema, read: Check<T>): Kind<T> {
  namedKinds.set(name, { about, schema });
  const type = name.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`);
  return {
    type: about === '' ? type : `[${type}](#kind-${type.replaceAll(' ', '-')})`,
    schema: { $ref: `#/definitions/${name}` },
    read,
  };
}

/** Text without NUL, not empty. Numbers and booleans count as what was typed when `lenient`. */
export function readText(o: { lenient?: boolean; empty?: boolean } = {}): Check<string> {
  return (value) => {
    const { scalar } = value;
    if (scalar?.value === undefined || scalar.value === null)
      return value.report(`expected text, found ${value.shown}`);
    if (typeof scalar.value !== 'string' && o.lenient !== true)
      return value.report(`expected text, found ${value.shown}; put it in quotes`);
    const found = typeof scalar.value === 'string' ? scalar.value : scalar.source;
    if (found.includes('\0')) return value.report('text cannot contain a NUL');
    return found === '' && o.empty !== true ? value.report('expected text, found an empty string') : found;
  };
}

/** Text (or a number as it was typed) that `parse` understands. */
export function parsed<T>(parse: (text: string) => Parsed<T>): Check<T> {
  return (value) => {
    const found = readText({ lenient: true })(value);
    if (found === null) return null;
    const result = parse(found);
    return 'wrong' in result ? value.report(`${value.shown}: ${result.wrong}`) : result.value;
  };
}

/** Text of one line that is shown to people: no control characters. */
export const readLine: Check<string> = (value) => {
  const found = readText()(value);
  if (found === null) return null;
  if (printable(found) !== found) return value.report(`no control characters here: ${value.shown}`);
  return found.trim() === '' ? value.report('expected text, found only spaces') : found;
};

const scalarTypes = ['string', 'number', 'boolean'];
export const text = named('text', '', { type: 'string', pattern: '^[^\\u0000]+$' }, readText());
export const word = named('word', '', { type: scalarTypes, pattern: '^[^\\u0000]+$' }, readText({ lenient: true }));
export const argument = named(
  'argument',
  '',
  { type: scalarTypes, pattern: '^[^\\u0000]*$' },
  readText({ lenient: true, empty: true }),
);
export const line = named(
  'line',
  '',
  { type: 'string', pattern: '^(?=[\\s\\S]*\\S)[^\\u0000-\\u001f\\u007f-\\u009f]+$' },
  readLine,
);

export const truth: Kind<boolean> = {
  type: 'true or false',
  schema: { type: 'boolean' },
  read: (value) => {
    const found = value.scalar?.value;
    return typeof found === 'boolean' ? found : value.report(`expected true or false, found ${value.shown}`);
  },
};

/** From `least` to `most`, both included; or one of these words. */
export function wholeNumber<const W extends readonly string[]>(
  least: number,
  most: number,
  ...words: W
): Kind<number | W[number]> {
  const schema = { type: 'integer', minimum: least, maximum: most };
  const or = words.map((one) => `${one} or `).join('');
  return {
    type: `${or}a whole number from ${least} to ${most}`,
    schema: words.length === 0 ? schema : { anyOf: [{ enum: words }, schema] },
    read: (value) => {
      const found = value.scalar?.value;
      if (typeof found === 'number' && Number.isInteger(found) && found >= least && found <= most) return found;
      return (
        words.find((one) => one === found) ??
        value.report(`expected ${or}a whole number from ${least} to ${most}, found ${value.shown}`)
      );
    },
  };
}

/** One of these words; another is reported with what may have been meant. */
export function oneOf<const T extends string>(...choices: T[]): Kind<T> {
  return {
    type: choices.map((one) => `\`${one}\``).join(', '),
    schema: { enum: choices },
    read: (value) => {
      const found = value.scalar?.value;
      const known = choices.find((one) => one === found);
      const near = typeof found === 'string' ? didYouMean(found, choices) : '';
      return known ?? value.report(`expected ${choices.join(', ')}, found ${value.shown}${near}`);
    },
  };
}

/** At least one member; null when any of them is wrong. */
export function list<T>(kind: Kind<T>): Kind<T[]> {
  return {
    type: `list of: ${kind.type}`,
    schema: { type: 'array', minItems: 1, items: kind.schema },
    read: (value) => {
      const items = value.items;
      if (items === undefined) return value.report(`expected a list, found ${value.shown}`);
      if (items.length === 0) return value.report('expected a list with at least one item');
      const found = items.map(kind.read);
      return found.includes(null) ? null : (found as T[]);
    },
  };
}

/** A duration in milliseconds. `bounds` says from when to when, in words, where there are bounds. */
export function duration(o: { least?: number; most?: number; bounds?: string } = {}): Kind<number> {
  const { least = 0, most = Infinity, bounds = '' } = o;
  return {
    type: `${anyDuration.type}${bounds === '' ? '' : `, ${bounds}`}`,
    schema: least === 0 ? anyDuration.schema : { allOf: [anyDuration.schema, { not: { pattern: '^0+[a-z]$' } }] },
    read: (value) => {
      const ms = anyDuration.read(value);
      return ms !== null && (ms < least || ms > most) ? value.report(`${value.shown}: ${bounds}`) : ms;
    },
  };
}

const anyDuration = named(
  'duration',
  'A whole number and a unit: `90s`, `30m`, `4h`, `1d`, `2w`, `2y` (a year has 365 days).',
  { type: 'string', pattern: '^[0-9]{1,9}[smhdwy]$', examples: ['90s', '30m', '4h', '1d'] },
  parsed(parseDuration),
);

/** 24 days: timers hold 31 bits, and a longer one fires at once. */
export const longestTimer = 24 * 86_400_000;

export const path = named(
  'path',
  'A path on this machine, relative to the file that contains it. `~/` is the home directory of the account that runs depot.',
  { type: 'string', pattern: '^(?!~[^/\\\\])[^\\u0000]+$' },
  (value) => {
    const found = readText()(value);
    if (found === null) return null;
    const { paths, home, directory } = value.file;
    if (!found.startsWith('~')) return paths.resolve(directory, found);
    if (found !== '~' && found[1] !== '/' && found[1] !== paths.sep)
      return value.report(`${value.shown}: only ~/ is expanded, not the home directories of other accounts`);
    if (home === undefined) return value.report(`${value.shown}: this account has no home directory`);
    return paths.resolve(home, found.slice(2));
  },
);

export const command = named(
  'command',
  "A list: a program and its arguments. It runs without a shell, in the directory of depot.yaml, without depot's own environment variables.",
  { type: 'array', minItems: 1, items: [word.schema], additionalItems: argument.schema },
  (value) => {
    if (value.scalar !== undefined && value.scalar.value !== null) {
      const words = value.scalar.source.trim().split(/\s+/).slice(0, 6).map(printable);
      return value.report(`write the command as a list, since no shell splits it: [${words.join(', ')}]`);
    }
    const words = list(argument).read(value);
    return words?.[0] === '' ? value.report('the first item of a command must be a program') : words;
  },
);
