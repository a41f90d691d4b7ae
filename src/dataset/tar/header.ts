import { field, BLOCK, notRead, refused, shown } from './format.js';

export interface Header {
  name: Uint8Array;
  /** One character; `\0` is the old way to say file. */
  type: string;
  size: number;
  mode: number;
  mtimeNs: bigint;
  linkname: Uint8Array;
}

const ASCII_ZERO = 0x30;
const SPACE = 0x20;
const SLASH = 0x2f;

/** Fields are read where they lie: making a view of each would take longer than the reading. */
type Field = readonly [offset: number, length: number];

/**
 * The header block at `at` (POSIX.1-2017 pax, "ustar Interchange Format"; GNU's numbers in base 256). Null when it is
 * all zeros. Throws `archive-refused` for a wrong checksum or number. The result shares no memory with `bytes`.
 */
export function parseHeader(bytes: Uint8Array, at: number): Header | null {
  if (!checksumMatches(bytes, at)) {
    if (isZero(bytes, at)) return null;
    throw notRead(
      'the archive is damaged: a header has a wrong checksum',
      'ask its maker to make it again: it was damaged before it was encrypted',
    );
  }
  const name = text(bytes, at, field.name);
  const hasPrefix = bytes[at + field.prefix[0]] !== 0 && isPosix(bytes, at);
  return {
    name: hasPrefix ? joined(text(bytes, at, field.prefix), name) : name,
    type: String.fromCharCode(bytes[at + field.typeflag[0]]!),
    size: size(bytes, at, name),
    mode: number(bytes, at, field.mode, 'mode', name) & 0o7777,
    mtimeNs: BigInt(number(bytes, at, field.mtime, 'time', name)) * 1_000_000_000n,
    linkname: text(bytes, at, field.linkname),
  };
}

/** Whether there is a header, or the block of zeros that an empty archive begins with. */
export function isHeader(bytes: Uint8Array, at: number): boolean {
  return checksumMatches(bytes, at) || isZero(bytes, at);
}

/** The sum of all bytes with the checksum field as spaces; some old tars summed them as signed. */
function checksumMatches(bytes: Uint8Array, at: number): boolean {
  const [offset, length] = field.checksum;
  const stated = octal(bytes, at, field.checksum);
  let sum = length * SPACE;
  for (let i = at; i < at + offset; i++) sum += bytes[i]!;
  for (let i = at + offset + length; i < at + BLOCK; i++) sum += bytes[i]!;
  if (stated === sum) return true;
  for (let i = at; i < at + BLOCK; i++) {
    if (bytes[i]! >= 0x80 && (i < at + offset || i >= at + offset + length)) sum -= 256;
  }
  return stated === sum;
}

function isZero(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + BLOCK; i++) {
    if (bytes[i] !== 0) return false;
  }
  return true;
}

/** GNU's own magic is `ustar` and two spaces: there the prefix field holds other things. */
function isPosix(bytes: Uint8Array, at: number): boolean {
  const magic = text(bytes, at, field.magic);
  return magic.length === 5 && magic.every((byte, i) => byte === 'ustar'.charCodeAt(i));
}

/** A field that ends at its first NUL, or at its last byte. */
function text(bytes: Uint8Array, at: number, [offset, length]: Field): Uint8Array {
  const start = at + offset;
  let end = start;
  while (end < start + length && bytes[end] !== 0) end++;
  return end === start ? NOTHING : bytes.slice(start, end);
}

const NOTHING = new Uint8Array(0);

function joined(prefix: Uint8Array, name: Uint8Array): Uint8Array {
  const path = new Uint8Array(prefix.length + 1 + name.length);
  path.set(prefix);
  path[prefix.length] = SLASH;
  path.set(name, prefix.length + 1);
  return path;
}

function size(bytes: Uint8Array, at: number, name: Uint8Array): number {
  const value = number(bytes, at, field.size, 'size', name);
  if (value < 0) throw refused(`an entry has a bad size: ${shown(name)}`);
  return value;
}

function number(bytes: Uint8Array, at: number, where: Field, what: string, name: Uint8Array): number {
  const value = bytes[at + where[0]]! >= 0x80 ? base256(bytes, at, where) : octal(bytes, at, where);
  if (!Number.isSafeInteger(value)) throw refused(`an entry has a bad ${what}: ${shown(name)}`);
  return value;
}

/** Octal digits, spaces in front, then nothing but spaces and NULs; an empty field is 0. NaN when it is not so. */
function octal(bytes: Uint8Array, at: number, [offset, length]: Field): number {
  let i = at + offset;
  const end = i + length;
  while (i < end && bytes[i] === SPACE) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = bytes[i]! - ASCII_ZERO;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; i < end; i++) {
    if (bytes[i] !== SPACE && bytes[i] !== 0) return NaN;
  }
  return value;
}

/** GNU: the high bit marks two's complement, most significant byte first; 0x80 or 0xff in front. */
function base256(bytes: Uint8Array, at: number, [offset, length]: Field): number {
  const start = at + offset;
  const first = bytes[start]!;
  if (first !== 0x80 && first !== 0xff) return NaN;
  let value = first === 0xff ? -1n : 0n;
  for (let i = start + 1; i < start + length; i++) value = value * 256n + BigInt(bytes[i]!);
  return Number(value);
}
