import type { DepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { notRead, refused, shown } from './format.js';

/** What a pax extended header ('x' or 'g') says of the entries after it; other keywords are passed over. */
export interface PaxFields {
  path?: Uint8Array | undefined;
  linkpath?: Uint8Array | undefined;
  size?: number | undefined;
  mtimeNs?: bigint | undefined;
}

/** A longer extended header is refused: it is held in memory. */
export const MAX_PAX = 1_048_576;

const ASCII_ZERO = 0x30;
const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/**
 * The records of an extended header (POSIX.1-2017 pax, "pax Extended Header"), `<length> <keyword>=<value>\n`. Names
 * stay bytes, so that `hdrcharset=BINARY` makes no difference. An empty size or time takes an earlier one back, as
 * POSIX has it. Throws `archive-refused` when a record is malformed, and for the sparse formats of GNU tar.
 */
export function parsePax(bytes: Uint8Array): PaxFields {
  const fields: PaxFields = {};
  for (let at = 0; at < bytes.length; ) {
    let space = at;
    let length = 0;
    for (
      let digit = bytes[space]! - ASCII_ZERO;
      digit >= 0 && digit <= 9 && length <= MAX_PAX;
      digit = (bytes[++space] ?? SPACE) - ASCII_ZERO
    )
      length = length * 10 + digit;
    const end = at + length;
    const equals = bytes.indexOf(EQUALS, space + 1);
    if (
      bytes[space] !== SPACE ||
      end > bytes.length ||
      equals <= space + 1 ||
      equals >= end - 1 ||
      bytes[end - 1] !== NEWLINE
    )
      throw refused('a pax header holds a malformed record');
    take(fields, latin1(bytes, space + 1, equals), bytes, equals + 1, end - 1);
    at = end;
  }
  return fields;
}

function take(fields: PaxFields, keyword: string, bytes: Uint8Array, start: number, end: number): void {
  switch (keyword) {
    case 'path':
    case 'linkpath': {
      const name = bytes.slice(start, end);
      // POSIX takes the header's name for it, GNU tar takes it for the root.
      if (start === end) throw refused('a pax header gives an empty name');
      if (name.includes(0)) throw refused(`a name in a pax header holds a NUL: ${shown(name)}`);
      fields[keyword] = name;
      return;
    }
    case 'size':
      fields.size = start === end ? undefined : paxSize(latin1(bytes, start, end));
      return;
    case 'mtime':
      fields.mtimeNs = start === end ? undefined : paxNanoseconds(latin1(bytes, start, end));
      return;
    default:
      if (keyword.startsWith('GNU.sparse.')) throw sparse();
  }
}

/** Harmless, but what a file holds then depends on who reads it. */
export function sparse(): DepotError {
  return notRead(
    'the archive holds a file in a sparse format of GNU tar, which depot cannot read',
    'ask its maker to make it again without --sparse, or unpack it with GNU tar: depot decrypt … --stdout | tar -x --no-same-owner --no-same-permissions -C DIRECTORY',
  );
}

function paxSize(value: string): number {
  const size = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(size)) throw refused(`a pax header gives a bad size: ${short(value)}`);
  return size;
}

/** Seconds with any number of decimals, to nanoseconds, rounded down. */
function paxNanoseconds(value: string): bigint {
  const match = /^(-?)(\d{1,16})(?:\.(\d{0,32}))?$/.exec(value);
  if (match === null) throw refused(`a pax header gives a bad time: ${short(value)}`);
  const fraction = match[3] ?? '';
  const ns = BigInt(match[2]!) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return ns;
  return /[1-9]/.test(fraction.slice(9)) ? -ns - 1n : -ns;
}

function short(value: string): string {
  return printable(value.slice(0, 40));
}

/** For what must be ASCII: any other byte stays a character that no keyword and no number holds. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
