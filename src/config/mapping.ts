/** A mapping with known keys. Checks, types, JSON Schema and docs/configuration.md all come from this declaration. */
import { ownName } from '../other-names.js';
import { printable } from '../printable.js';
import { didYouMean } from '../suggest.js';
import type { Check, Value } from './document.js';
import type { JsonSchema, Kind } from './kinds.js';

export interface Key<T, Sure extends boolean = boolean> {
  kind: Kind<T>;
  required: boolean;
  /** What holds when it is left out, also as it would stand in the file. */
  preset?: { value: T; written: string };
  /** For types alone: whether there is a value whenever nothing is wrong. */
  sure?: Sure;
}
export type Keys = Readonly<Record<string, Key<unknown>>>;

export function required<T>(kind: Kind<T>): Key<T, true> {
  return { kind, required: true };
}

export function optional<T>(kind: Kind<T>): Key<T, false> {
  return { kind, required: false };
}

/** `written` where the value is not written as it is: a duration. */
export function preset<T>(kind: Kind<T>, value: NoInfer<T>, written?: string) {
  const inYaml = written ?? (Array.isArray(value) ? `[${value.join(', ')}]` : String(value));
  return { kind, required: false, preset: { value, written: inYaml } } satisfies Key<T, true>;
}

type Read<K> = K extends Key<infer T> ? T : never;
type Simplify<T> = { [P in keyof T]: T[P] };
export type Values<K extends Keys> = Simplify<
  { [P in keyof K as K[P] extends Key<unknown, true> ? P : never]: Read<K[P]> } & {
    [P in keyof K as K[P] extends Key<unknown, true> ? never : P]?: Read<K[P]>;
  }
>;

export interface Mapping<K extends Keys> extends Kind<Values<K>> {
  keys: K;
  /** What is right in it; everything else is reported. Null when it is no mapping. */
  parts: Check<Partial<Values<K>>>;
  /** With what holds for keys that were left out; null when a required one is missing. */
  complete: (parts: Partial<Values<K>>) => Values<K> | null;
}

export interface MappingOptions {
  /** What to say about keys that people write in place of ours. */
  notes?: Readonly<Record<string, string>>;
  /** Keys of which only one may be there. */
  exclusive?: readonly (readonly [string, string])[];
  /** Two mappings may have its required keys between them, so `parts` does not miss any. */
  merged?: boolean;
  schema?: JsonSchema;
}

export function mapping<const K extends Keys>(keys: K, o: MappingOptions = {}): Mapping<K> {
  const names = Object.keys(keys);
  const parts: Check<Partial<Values<K>>> = (value) => {
    const pairs = value.pairs;
    if (pairs === undefined)
      return value.report(`expected a mapping with ${names.slice(0, 4).join(', ')}…, found ${value.shown}`);
    reportUnknown(value, names, o.notes);
    for (const [one, other] of o.exclusive ?? [])
      if (pairs.has(one) && pairs.has(other)) value.at(other).report(`${one} and ${other} cannot be used together`);
    const found: Record<string, unknown> = {};
    for (const [name, key] of Object.entries(keys)) {
      const pair = pairs.get(name);
      if (pair === undefined) {
        if (key.required && o.merged !== true) value.report(`missing key '${name}'`);
        continue;
      }
      const read = key.kind.read(pair.value);
      if (read !== null) found[name] = read;
    }
    return found as Partial<Values<K>>;
  };
  const complete = (found: Partial<Values<K>>): Values<K> | null => {
    const whole: Record<string, unknown> = { ...found };
    for (const [name, key] of Object.entries(keys)) {
      if (key.preset !== undefined) whole[name] ??= key.preset.value;
      if (key.required && whole[name] === undefined) return null;
    }
    return whole as Values<K>;
  };
  return {
    type: 'mapping',
    keys,
    schema: schemaOf(keys, o),
    parts,
    complete,
    read: (value) => {
      const found = parts(value);
      return found && complete(found);
    },
  };
}

function reportUnknown(value: Value, known: readonly string[], notes: Readonly<Record<string, string>> = {}): void {
  for (const [name, { key }] of value.pairs ?? []) {
    if (known.includes(name)) continue;
    const note = Object.hasOwn(notes, name)
      ? `: ${notes[name]!}`
      : name === '<<'
        ? ': merge keys are not supported'
        : instead(name, known);
    key.report(`unknown key '${printable(name).slice(0, 60)}'${note}`);
  }
}

function instead(name: string, known: readonly string[]): string {
  const own = ownName(name, known);
  if (own === undefined) return didYouMean(name, known);
  return `: write ${own.key}:${own.value === undefined ? '' : ` ${own.value}`}`;
}

/** The JSON Schema of a mapping with these keys; tests/docs/configuration.ts adds their words and defaults. */
export function schemaOf(keys: Keys, { exclusive = [], merged = false, schema = {} }: MappingOptions): JsonSchema {
  const required = Object.keys(keys).filter((name) => keys[name]!.required && !merged);
  return {
    type: 'object',
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    ...(exclusive.length === 0 ? {} : { allOf: exclusive.map((two) => ({ not: { required: two } })) }),
    ...schema,
    properties: Object.fromEntries(Object.entries(keys).map(([name, { kind }]) => [name, kind.schema])),
  };
}
