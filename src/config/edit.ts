/** Changes one key in the text of a depot.yaml, and nothing else: comments, order and spelling stay. */
import { isMap, isScalar, isSeq, type Pair, parseDocument, type YAMLMap } from 'yaml';

/** Null: the key is to be left out. */
export type Value = string | number | true | readonly string[] | null;

/**
 * The text with `key` of the arrangement's own `remote:` changed where that has it, else of the `remote:` for all. Null
 * where neither is written out there, or the value is not plain enough to be replaced: an alias, or in another file.
 */
export function withRemoteKey(text: string, arrangement: string, key: string, value: Value): string | null {
  const document = parseDocument(text, { version: '1.2', schema: 'core', merge: false });
  if (document.errors.length > 0) return null;
  const own: unknown = document.getIn(['arrangements', arrangement, 'remote'], true);
  const maps = [own, document.get('remote', true)].filter((node): node is YAMLMap => isMap(node));
  for (const map of maps) {
    const pair = pairOf(map, key);
    if (pair !== undefined) return value === null ? removed(text, map, pair) : replaced(text, pair, inYaml(value));
  }
  if (value === null) return text;
  for (const map of maps) {
    const beside = pairOf(map, 'host');
    if (beside !== undefined) return added(text, map, beside, `${key}: ${inYaml(value)}`);
  }
  return null;
}

/**
 * The text with `key` of the top level changed, or added: below `state:`, else at the end. `written` is a value in YAML, on one
 * line. Null where the file is not plain enough for that; whether the text then says what is meant, reading it shows.
 */
export function withTopKey(text: string, key: string, written: string): string | null {
  const document = parseDocument(text, { version: '1.2', schema: 'core', merge: false });
  const map = document.contents;
  if (document.errors.length > 0 || !isMap(map) || map.flow === true) return null;
  const pair = pairOf(map, key);
  if (pair !== undefined) return replaced(text, pair, written);
  const state = pairOf(map, 'state');
  const line = `${key}: ${written}`;
  return state === undefined ? `${text.replace(/\n*$/, '\n')}${line}\n` : added(text, map, state, line);
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

/** JSON is YAML; without quotes where nothing can be mistaken. */
function inYaml(value: NonNullable<Value>): string {
  return typeof value === 'string' &&
    /^[A-Za-z][A-Za-z0-9.-]*$/.test(value) &&
    !/^(?:true|false|null|yes|no|on|off)$/i.test(value)
    ? value
    : JSON.stringify(value);
}

function replaced(text: string, { value }: Pair, written: string): string | null {
  const plain = isScalar(value) || isSeq(value) || (isMap(value) && value.flow === true);
  if (!plain || value.range == null) return null;
  const [start, end] = value.range;
  const old = text.slice(start, end).trimEnd();
  return old === '' ? null : text.slice(0, start) + written + text.slice(start + old.length);
}

/** With its line, and the comment on it; or, where all stand on one line, with the comma that divides it from another. */
function removed(text: string, map: YAMLMap, pair: Pair): string | null {
  const { key, value } = pair;
  if (!isScalar(key) || !isScalar(value) || key.range == null || value.range == null) return null;
  const [start, end] = [key.range[0], value.range[1]];
  if (map.flow === true) {
    const commaBefore = /,\s*$/.exec(text.slice(0, start));
    const commaAfter = /^\s*,\s*/.exec(text.slice(end));
    return commaBefore === null
      ? text.slice(0, start) + text.slice(end + (commaAfter?.[0].length ?? 0))
      : text.slice(0, commaBefore.index) + text.slice(end);
  }
  const line = text.lastIndexOf('\n', start) + 1;
  if (text.slice(line, start).trim() !== '') return null;
  const next = text.indexOf('\n', end);
  return text.slice(0, line) + (next === -1 ? '' : text.slice(next + 1));
}

/** Below its sibling, or after it where they stand on one line. */
function added(text: string, map: YAMLMap, beside: Pair, line: string): string | null {
  const { key, value } = beside;
  if (!isScalar(key) || !isScalar(value) || key.range == null || value.range == null) return null;
  const end = value.range[1];
  if (map.flow === true) return `${text.slice(0, end)}, ${line}${text.slice(end)}`;
  const indent = text.slice(text.lastIndexOf('\n', key.range[0]) + 1, key.range[0]);
  // What stands before the first key of a list's entry (`- host:`) is no indentation.
  if (indent.trim() !== '') return null;
  const next = text.indexOf('\n', end);
  const at = next === -1 ? text.length : next;
  return `${text.slice(0, at)}\n${indent}${line}${text.slice(at)}`;
}
