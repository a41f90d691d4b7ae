import { printable } from '../printable.js';
import { isWithheld } from '../child-env.js';
import { commandLine, list, localPath, oneOf, parsed, text, truth } from './checks.js';
import type { Check, Fields, Value } from './document.js';
import { defaults, longestTimer } from './defaults.js';
import type { SourceSpec } from '../source.js';
import { sourceNameProblem } from '../names/source.js';
import type { Parsed } from '../names/parsed.js';
import { parseDuration } from './values.js';

type Kind = SourceSpec['kind'];

const kinds: readonly Kind[] = ['directory', 'file', 'command', 'stdin'];

/** Which kinds take a key that not all of them take. */
const takenBy: Partial<Record<string, readonly Kind[]>> = {
  exclude: ['directory'],
  onChange: ['directory', 'file'],
  prepare: ['directory', 'file', 'command'],
  cleanup: ['directory', 'file', 'command'],
  env: ['directory', 'file', 'command'],
};

export const sourceKeys = [
  ...kinds,
  'as',
  'exclude',
  'onChange',
  'allowEmpty',
  'prepare',
  'cleanup',
  'timeout',
  'env',
] as const;

/** A source and the place of its name, to compare it with its siblings. */
interface NamedSource {
  spec: SourceSpec;
  fields: Fields;
}

/** The `dataset:` of an arrangement: sources, whose names under `data/` differ. */
export const dataset: Check<SourceSpec[]> = (value) => {
  const sources = list(source)(value);
  if (sources === null) return null;
  const names = new Map<string, Value>();
  let stdin: Value | undefined;
  for (const { spec, fields } of sources) {
    const at = fields.at(fields.has('as') ? 'as' : spec.kind);
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
  return sources.map(({ spec }) => spec);
};

function source(value: Value): NamedSource | null {
  const fields = value.fields(sourceKeys, { path: 'write directory: or file:', name: 'write as:' });
  if (fields === null) return null;
  const found = kinds.filter((kind) => fields.has(kind));
  const kind = found[0];
  if (kind === undefined) return value.report('a source is one of directory, file, command, stdin');
  if (found.length > 1)
    return fields
      .at(found[1] ?? kind)
      .report(`a source is one of directory, file, command, stdin; this one is ${found.join(' and ')}`);
  for (const [key, takers] of Object.entries(takenBy)) {
    if (fields.has(key) && takers?.includes(kind) === false)
      fields.at(key).report(`${key} does not go with ${kind} (only with ${takers.join(', ')})`);
  }

  const spec = {
    ...optional('prepare', fields.optional('prepare', commandLine)),
    ...optional('cleanup', fields.optional('cleanup', commandLine)),
    ...optional('env', fields.optional('env', environment)),
    ...optional('timeoutMs', fields.optional('timeout', timeout)),
    allowEmpty: fields.optional('allowEmpty', truth) ?? defaults.allowEmpty,
    onChange: fields.optional('onChange', oneOf('fail', 'warn')) ?? defaults.onChange,
  };
  const runs = kind === 'command' || kind === 'stdin' || fields.has('prepare') || fields.has('cleanup');
  for (const key of ['timeout', 'env'] as const) {
    if (fields.has(key) && !runs && (takenBy[key]?.includes(kind) ?? true))
      fields.at(key).report(`${key} is for commands, and this source has none (prepare, cleanup)`);
  }

  switch (kind) {
    case 'directory':
    case 'file': {
      const path = fields.optional(kind, localPath);
      const exclude = fields.optional('exclude', list(text({ lenient: true })));
      const name = nameOf(fields, kind, path);
      if (path === undefined || name === null) return null;
      return {
        fields,
        spec: kind === 'file' ? { kind, name, path, ...spec } : { kind, name, path, exclude: exclude ?? [], ...spec },
      };
    }
    case 'command': {
      const command = fields.optional('command', commandLine);
      const name = nameOf(fields, kind, undefined);
      return command === undefined || name === null ? null : { fields, spec: { kind, name, command, ...spec } };
    }
    case 'stdin': {
      const on = fields.optional('stdin', truth);
      if (on === false) fields.at('stdin').report('stdin can only be true; take the source out instead');
      const name = nameOf(fields, kind, undefined);
      return on !== true || name === null ? null : { fields, spec: { kind, name, ...spec } };
    }
  }
}

function nameOf(fields: Fields, kind: Kind, path: string | undefined): string | null {
  if (fields.has('as')) return fields.optional('as', parsed(parseSourceName)) ?? null;
  if (kind === 'command' || kind === 'stdin')
    return fields.owner.report(`missing key 'as': the output of a ${kind} has no name of its own`);
  if (path === undefined) return null;
  const base = fields.at(kind).file.paths.basename(path);
  const result = parseSourceName(base);
  return 'wrong' in result
    ? fields.at(kind).report(`'${printable(base)}': ${result.wrong}; choose another name with as:`)
    : result.value;
}

function parseSourceName(name: string): Parsed<string> {
  const wrong = sourceNameProblem(name);
  return wrong === null ? { value: name } : { wrong };
}

const environment: Check<Record<string, string>> = (value) => {
  const pairs = value.pairs;
  if (pairs === undefined) return value.report(`expected a mapping of names to values, found ${value.shown}`);
  const found: Record<string, string> = {};
  for (const [name, pair] of pairs) {
    if (!/^[^=\0]+$/.test(name)) pair.key.report(`'${printable(name)}' is no name of an environment variable`);
    else if (isWithheld(name)) pair.key.report(`${name} is kept from commands, since such variables hold secrets`);
    else
      Object.defineProperty(found, name, {
        value: text({ lenient: true, empty: true })(pair.value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  return found;
};

/** A duration that a timer can hold; longer ones would fire at once. */
const timeout: Check<number> = (value) => {
  const ms = parsed(parseDuration)(value);
  if (ms === null) return null;
  if (ms === 0) return value.report('a time limit of nothing; leave the key out for no limit');
  return ms > longestTimer ? value.report(`${value.shown}: at most 24d`) : ms;
};

function optional<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, T>);
}
