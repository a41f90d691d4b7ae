import { isWithheld } from '../child-env.js';
import { sourceNameProblem } from '../names/source.js';
import { printable } from '../printable.js';
import { databases } from '../databases/databases.js';
import { databaseKinds, type DatabaseKind, isDatabase, isStreamed, type ListedSource } from '../source.js';
import { databaseSources } from './databases.js';
import type { Value } from './document.js';
import {
  argument,
  command,
  duration,
  type Kind,
  list,
  longestTimer,
  named,
  oneOf,
  parsed,
  path,
  truth,
  word,
} from './kinds.js';
import { type Keys, mapping, optional, preset, required, schemaOf, type Values } from './mapping.js';

type SourceKind = ListedSource['kind'];
const kinds: readonly SourceKind[] = ['directory', 'file', 'command', 'stdin', ...databaseKinds];

const sourceName = named(
  'sourceName',
  'A file name of at most 240 bytes, without slashes and control characters, that does not end in `.part-<digits>`.',
  {
    type: ['string', 'number', 'boolean'],
    maxLength: 240,
    pattern: '^(?!\\.{1,2}$)[^/\\\\\\u0000-\\u001f\\u007f-\\u009f]+$',
    not: { type: 'string', pattern: '\\.[pP][aA][rR][tT]-[0-9]+$' },
  },
  parsed((name) => {
    const wrong = sourceNameProblem(name);
    return wrong === null ? { value: name } : { wrong };
  }),
);

const environment = named<Record<string, string>>(
  'environment',
  'A mapping of names to values. Names that begin with `DEPOT_`, and `CREDENTIALS_DIRECTORY`, are kept from commands.',
  {
    type: 'object',
    propertyNames: {
      pattern: '^(?![Dd][Ee][Pp][Oo][Tt]_)[^=\\u0000]+$',
      not: { pattern: '^[Cc][Rr][Ee][Dd][Ee][Nn][Tt][Ii][Aa][Ll][Ss]_[Dd][Ii][Rr][Ee][Cc][Tt][Oo][Rr][Yy]$' },
    },
    additionalProperties: argument.schema,
  },
  (value) => {
    const pairs = value.pairs;
    if (pairs === undefined) return value.report(`expected a mapping of names to values, found ${value.shown}`);
    const found: [string, string | null][] = [];
    for (const [name, pair] of pairs) {
      if (!/^[^=\0]+$/.test(name)) pair.key.report(`'${printable(name)}' is not a name for an environment variable`);
      else if (isWithheld(name)) pair.key.report(`${name} is kept from commands, since such variables hold secrets`);
      else found.push([name, argument.read(pair.value)]);
    }
    // Not by assignment: `__proto__` is a name like any other.
    return Object.fromEntries(found.filter((one): one is [string, string] => one[1] !== null));
  },
);

const onlyTrue: Kind<true> = {
  type: '`true`',
  schema: { const: true },
  read: (value) => {
    const found = truth.read(value);
    return found === false ? value.report('stdin can only be true; to stop reading it, remove the source') : found;
  },
};

/** Which kinds take a key that not all of them take. */
const takenBy: Partial<Record<string, readonly SourceKind[]>> = {
  exclude: ['directory'],
  oneFileSystem: ['directory'],
  onChange: ['directory', 'file'],
  // BACKUP DATABASE is what prepares the file of SQL Server; what a SQLite dump would cut off has to be looked for first.
  prepare: kinds.filter((kind) => !['stdin', 'sqlite', 'sqlserver'].includes(kind)),
  cleanup: kinds.filter((kind) => kind !== 'stdin'),
  env: kinds.filter((kind) => kind !== 'stdin'),
};

export const source = mapping(
  {
    directory: optional(path),
    file: optional(path),
    command: optional(command),
    stdin: optional(onlyTrue),
    ...databaseSources,
    as: optional(sourceName),
    exclude: optional(list(word)),
    oneFileSystem: preset(truth, false),
    onChange: preset(oneOf('fail', 'warn'), 'fail'),
    allowEmpty: preset(truth, false),
    prepare: optional(command),
    cleanup: optional(command),
    timeout: optional(
      duration({ least: 1, most: longestTimer, bounds: 'more than 0s, at most 24d; leave the key out for no limit' }),
    ),
    env: optional(environment),
  },
  {
    notes: {
      path: 'write directory: or file:',
      name: 'write as:',
      // Resembles exclude, which is its opposite.
      include: 'a source has no such list; make each directory or file a source of its own',
    },
  },
);

/** A source and the place of its name, to compare it with its siblings. */
interface NamedSource {
  spec: ListedSource;
  at: Value;
}

const namedSource: Kind<NamedSource> = named(
  'source',
  '',
  { type: 'object', oneOf: kinds.map(schemaOfKind) },
  (value) => {
    const keys = source.parts(value);
    if (keys === null) return null;
    const found = kinds.filter((kind) => value.has(kind));
    const kind = found[0];
    if (kind === undefined) return value.report(`a source is one of ${kinds.join(', ')}`);
    if (found.length > 1)
      return value.at(found[1]!).report(`a source is one of ${kinds.join(', ')}; this one is ${found.join(' and ')}`);
    reportMisplaced(value, kind);
    const name = nameOf(value, kind, keys);
    const { directory, file, command, stdin, exclude = [], prepare, cleanup, env, timeout } = keys;
    if (name === null) return null;
    const common = {
      name,
      ...(prepare && { prepare }),
      ...(cleanup && { cleanup }),
      ...(env && { env }),
      ...(timeout !== undefined && { timeoutMs: timeout }),
      allowEmpty: keys.allowEmpty ?? source.keys.allowEmpty.preset.value,
      onChange: keys.onChange ?? source.keys.onChange.preset.value,
    };
    const at = value.at(value.has('as') ? 'as' : kind);
    if (directory !== undefined) {
      const walk = { exclude, ...(keys.oneFileSystem === true && { oneFileSystem: true }) };
      return { at, spec: { kind: 'directory', path: directory, ...walk, ...common } };
    }
    if (file !== undefined) return { at, spec: { kind: 'file', path: file, ...common } };
    if (command !== undefined) return { at, spec: { kind: 'command', command, ...common } };
    for (const database of databaseKinds) {
      const settings = keys[database];
      if (settings !== undefined) return { at, spec: { kind: database, ...settings, ...common } };
    }
    return stdin === undefined ? null : { at, spec: { kind: 'stdin', ...common } };
  },
);

/** Keys that do not go with this kind, and those for commands where none runs. */
function reportMisplaced(value: Value, kind: SourceKind): void {
  for (const [key, takers] of Object.entries(takenBy)) {
    if (value.has(key) && takers?.includes(kind) === false)
      value.at(key).report(`${key} does not go with ${kind} (only with ${takers.join(', ')})`);
  }
  if (runsItself(kind) || value.has('prepare') || value.has('cleanup')) return;
  for (const key of ['timeout', 'env'])
    if (value.has(key)) value.at(key).report(`${key} is for commands, and this source has none (prepare, cleanup)`);
}

function runsItself(kind: SourceKind): boolean {
  return isStreamed({ kind }) || isDatabase({ kind });
}

function nameOf(value: Value, kind: SourceKind, keys: Partial<Values<typeof source.keys>>): string | null {
  if (value.has('as')) return keys.as ?? null;
  if (kind === 'command' || kind === 'stdin')
    return value.report(`missing key 'as': the output of a ${kind} has no name of its own`);
  const found = keys[kind];
  if (found === undefined) return null;
  const base =
    typeof found === 'string'
      ? value.file.paths.basename(found)
      : databases[kind as DatabaseKind].fileName(found.database);
  const wrong = sourceNameProblem(base);
  return wrong === null ? base : value.at(kind).report(`'${printable(base)}': ${wrong}; choose another name with as:`);
}

/** The `dataset:` of an arrangement: sources, whose names under `data/` differ. */
export const dataset: Kind<ListedSource[]> = {
  ...list(namedSource),
  type: 'list of [sources](#keys-of-a-source)',
  read: (value) => {
    const sources = list(namedSource).read(value);
    const names = new Map<string, Value>();
    let stdin: Value | undefined;
    for (const { spec, at } of sources ?? []) {
      // Windows and macOS do not tell case and composition apart: there one would overwrite the other.
      const folded = spec.name.normalize('NFC').toLowerCase();
      const first = names.get(folded);
      if (first !== undefined)
        at.report(
          `another source is called '${printable(spec.name)}' too (${first.place}); give one of them another name with as:`,
        );
      names.set(folded, first ?? at);
      if (spec.kind !== 'stdin') continue;
      if (stdin !== undefined) at.report(`only one source can read stdin (${stdin.place} does)`);
      stdin = at;
    }
    return sources?.map(({ spec }) => spec) ?? null;
  },
};

function schemaOfKind(kind: SourceKind): object {
  const nameless = kind === 'command' || kind === 'stdin';
  const keys: Keys = Object.fromEntries(
    Object.entries<Keys[string]>(source.keys)
      .filter(([name]) =>
        (kinds as string[]).includes(name) ? name === kind : (takenBy[name]?.includes(kind) ?? true),
      )
      .map(([name, key]) => [name, name === kind || (name === 'as' && nameless) ? required(key.kind) : key]),
  );
  const runs = { anyOf: [{ required: ['prepare'] }, { required: ['cleanup'] }] };
  return schemaOf(keys, { schema: runsItself(kind) ? {} : { dependencies: { timeout: runs, env: runs } } });
}
