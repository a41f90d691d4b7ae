import { refused, shown } from './refused.js';

/** What a pax extended header ('x' or 'g') says of the entries after it; other keywords are passed over. */
export interface PaxFields {
  path?: Uint8Array | undefined;
  linkpath?: Uint8Array | undefined;
  size?: number | undefined;
  mtimeNs?: bigint | undefined;
}

/** A longer extended header is refused: it is held in memory. */
export const MAX_PAX = 1_048_576;

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/**
 * Parses the records of an extended header (POSIX.1-2017 pax, "pax Extended Header"):
 * `<length> <keyword>=<value>\n`. Values of path and linkpath stay octets, so that `hdrcharset=BINARY`
 * makes no difference. An empty value takes an earlier one back, as POSIX has it.
 * Throws `archive-refused` when a record is malformed, and for the sparse formats of GNU tar.
 */
export function parsePax(bytes: Uint8Array): PaxFields {
  const fields: PaxFields = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(SPACE, at);
    const length = space === -1 || space - at > 7 ? NaN : decimal(bytes.subarray(at, space));
    const end = at + length;
    const equals = bytes.indexOf(EQUALS, space + 1);
    // NaN compares false, so a bad length ends here too.
    if (!(end <= bytes.length && equals > space + 1 && equals < end - 1 && bytes[end - 1] === NEWLINE)) {
      throw refused('a pax header holds a malformed record');
    }
    take(fields, latin1(bytes.subarray(space + 1, equals)), bytes.slice(equals + 1, end - 1));
    at = end;
  }
  return fields;
}

function take(fields: PaxFields, keyword: string, value: Uint8Array): void {
  switch (keyword) {
    case 'path':
    case 'linkpath':
      if (value.includes(0)) throw refused(`a name in a pax header holds a NUL: ${shown(value)}`);
      fields[keyword] = value.length === 0 ? undefined : value;
      return;
    case 'size':
      fields.size = value.length === 0 ? undefined : paxSize(value);
      return;
    case 'mtime':
      fields.mtimeNs = value.length === 0 ? undefined : paxNanoseconds(value);
      return;
    default:
      if (keyword.startsWith('GNU.sparse.')) throw refused('the archive holds a file in a sparse format of GNU tar (make it again without --sparse)');
  }
}

function paxSize(value: Uint8Array): number {
  const size = decimal(value);
  if (!Number.isSafeInteger(size)) throw refused(`a pax header gives a bad size: ${shown(value)}`);
  return size;
}

/** Seconds with any number of decimals, to nanoseconds, rounded down. */
function paxNanoseconds(value: Uint8Array): bigint {
  const match = /^(-?)(\d{1,16})(?:\.(\d*))?$/.exec(value.length > 64 ? '' : latin1(value));
  if (match === null) throw refused(`a pax header gives a bad time: ${shown(value)}`);
  const fraction = match[3] ?? '';
  const ns = BigInt(match[2]!) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return ns;
  return /[1-9]/.test(fraction.slice(9)) ? -ns - 1n : -ns;
}

function decimal(digits: Uint8Array): number {
  const text = digits.length > 16 ? '' : latin1(digits);
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

/** For what must be ASCII: any other octet stays a character that no keyword and no number holds. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const octet of bytes) text += String.fromCharCode(octet);
  return text;
}
