/**
 * Lines of an increment's manifest and of its ranges, strictly: every line has one spelling, so that no two readers read
 * it differently. Made for suitcases from anyone; throws `archive-refused`. Uses nothing that a browser lacks.
 */
import { MAX_PARTS } from '../../names/archive.js';
import { sha256Pattern } from '../../names/digest.js';
import type { ByteString } from '../bytestring.js';
import { type EntryType, paxTime, refused } from '../tar/format.js';
import { MAX_PATH } from '../tar/path.js';
import { DATA_PREFIX, type NightLine, type Origin } from './line.js';

/** Two escaped paths of the greatest length, and the numbers. */
export const MAX_LINE = 12 * MAX_PATH;

const PLAIN = /^[A-Za-z0-9._/+,:=@%~#-]+$/;
const ESCAPED = /\\0([0-3][0-7]{2})/g;

/** The bytes of an escaped name: octal for every byte that need not stand for itself, and for no other. */
export function unescape(field: string): ByteString {
  if (PLAIN.test(field)) return field as ByteString;
  const bare = field.replace(ESCAPED, '');
  if (field === '' || (bare !== '' && !PLAIN.test(bare))) throw malformed('name');
  return field.replace(ESCAPED, (_, octal: string) => {
    const character = String.fromCharCode(parseInt(octal, 8));
    if (character === '\0' || PLAIN.test(character)) throw malformed('name');
    return character;
  }) as ByteString;
}

/** A path as the archive spells it: no empty component, no `.` and no `..`. */
export function pathOf(field: string): ByteString {
  const path = unescape(field);
  if (path.length > MAX_PATH || /(?:^|\/)\.{0,2}(?:\/|$)/.test(path)) throw malformed('path');
  return path;
}

/** A path of the dataset, below `data/`. */
export function dataPathOf(field: string): ByteString {
  const path = pathOf(field);
  if (!path.startsWith(DATA_PREFIX)) throw malformed('path');
  return path;
}

/** A line between the first and the last of a `depot.manifest/2`, without its newline, a character for each byte. */
export function parseIncrementLine(line: string): NightLine {
  const fields = line.split(' ');
  const changed = fields.length > 2 && fields.at(-1) === '!';
  if (changed) fields.pop();
  const path = pathOf(fields[0]!);
  const [, letter, mode = '', mtime = ''] = fields;
  if (letter === '-') {
    if (fields.length !== 2 || changed) throw malformed('number of fields');
    return { kind: 'removed', path };
  }
  const form = forms[letter ?? ''];
  if (form === undefined) throw malformed('type');
  if (fields.length !== form.fields) throw malformed('number of fields');
  const rest = fields.slice(4);
  const file = form.type === 'file' ? rest.splice(0, 2) : null;
  return {
    kind: 'entry',
    path,
    type: form.type,
    mode: modeOf(mode),
    mtimeNs: timeOf(mtime),
    size: file === null ? 0 : numberOf(file[0]!, 'size'),
    sha256: file === null ? null : digestOf(file[1]!),
    linkTarget: form.target === undefined ? null : form.target(rest[0]!),
    changed,
    origin: form.origin?.(rest) ?? { kind: 'entry' },
  };
}

interface Form {
  type: EntryType;
  /** With the path. */
  fields: number;
  target?: (field: string) => ByteString;
  /** From the fields behind the digest. */
  origin?: (fields: string[]) => Origin;
}

const forms: Partial<Record<string, Form>> = {
  d: { type: 'directory', fields: 4 },
  l: { type: 'symlink', fields: 5, target: unescape },
  h: { type: 'hardlink', fields: 5, target: dataPathOf },
  f: { type: 'file', fields: 6 },
  p: { type: 'file', fields: 7, origin: ([count]) => ({ kind: 'parts', count: partsOf(count!) }) },
  o: {
    type: 'file',
    fields: 8,
    origin: ([night, object]) => ({ kind: 'object', night: numberOf(night!, 'night'), object: pathOf(object!) }),
  },
  r: { type: 'file', fields: 7, origin: ([number]) => ({ kind: 'ranges', number: countOf(number!, 'number') }) },
};

/** A line of `DEPOT/ranges`, without its newline. */
export type RangesLine =
  | { kind: 'file'; number: number }
  | { kind: 'object'; index: number; night: number; object: ByteString }
  | { kind: 'range'; index: number; gap: number; length: number };

export function parseRangesLine(line: string): RangesLine {
  const fields = line.split(' ');
  const [first = '', second = '', third = '', fourth = ''] = fields;
  if (first === '>' && fields.length === 2) return { kind: 'file', number: countOf(second, 'number') };
  if (first === '@' && fields.length === 4)
    return {
      kind: 'object',
      index: numberOf(second, 'number of an object'),
      night: numberOf(third, 'night'),
      object: pathOf(fourth),
    };
  if (fields.length !== 3) throw malformed('number of fields', 'ranges');
  const back = second.startsWith('-');
  const gap = numberOf(back ? second.slice(1) : second, 'gap');
  if (back && gap === 0) throw malformed('gap', 'ranges');
  return {
    kind: 'range',
    index: numberOf(first, 'number of an object'),
    gap: back ? -gap : gap,
    length: countOf(third, 'length'),
  };
}

/** Decimal digits without zeros in front. */
function numberOf(field: string, what: string): number {
  const value = /^(?:0|[1-9]\d{0,15})$/.test(field) ? Number(field) : NaN;
  if (!Number.isSafeInteger(value)) throw malformed(what);
  return value;
}

function countOf(field: string, what: string): number {
  const value = numberOf(field, what);
  if (value === 0) throw malformed(what);
  return value;
}

function partsOf(field: string): number {
  const count = countOf(field, 'number of parts');
  if (count > MAX_PARTS) throw malformed('number of parts');
  return count;
}

function modeOf(field: string): number {
  if (!/^[0-7]{4}$/.test(field)) throw malformed('mode');
  return parseInt(field, 8);
}

function digestOf(field: string): string {
  if (!sha256Pattern.test(field)) throw malformed('digest');
  return field;
}

/** As `paxTime` writes it, and in no other way. */
function timeOf(field: string): bigint {
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d{1,20})(?:\.(\d{1,9}))?$/.exec(field) ?? [];
  if (whole === '') throw malformed('time');
  const ns = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  const time = sign === '-' ? -ns : ns;
  if (paxTime(time) !== field) throw malformed('time');
  return time;
}

function malformed(what: string, where = 'manifest'): Error {
  return refused(
    where === 'ranges'
      ? `the ranges of an increment hold a line with a wrong ${what}`
      : `the manifest of an increment holds a line with a wrong ${what}`,
  );
}
