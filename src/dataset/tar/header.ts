import { field, BLOCK } from './format.js';
import { refused, shown } from './refused.js';

/** One header block, whatever wrote it: POSIX ustar, GNU tar, or the seventh edition's tar. */
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

/**
 * Parses a header block of 512 octets (POSIX.1-2017 pax, "ustar Interchange Format"; GNU's numbers in
 * base 256). Null when the block is all zeros. Throws `archive-refused` when the checksum is wrong or a
 * number is not one. The result shares no memory with `block`.
 */
export function parseHeader(block: Uint8Array): Header | null {
  if (!checksumMatches(block)) {
    if (block.every((octet) => octet === 0)) return null;
    throw refused('the archive is damaged: a header has a wrong checksum');
  }
  const name = text(block, field.name);
  const prefix = isPosix(block) ? text(block, field.prefix) : new Uint8Array(0);
  return {
    name: prefix.length === 0 ? name : joined(prefix, name),
    type: String.fromCharCode(block[field.typeflag[0]]!),
    size: size(block, name),
    mode: number(block, field.mode, 'mode', name) & 0o7777,
    mtimeNs: BigInt(number(block, field.mtime, 'time', name)) * 1_000_000_000n,
    linkname: text(block, field.linkname),
  };
}

/** The sum of all octets with the checksum field as spaces; some old tars summed them as signed. */
function checksumMatches(block: Uint8Array): boolean {
  const [offset, length] = field.checksum;
  let unsigned = length * SPACE;
  let high = 0;
  for (let i = 0; i < BLOCK; i++) {
    if (i === offset) i += length;
    const octet = block[i]!;
    unsigned += octet;
    if (octet >= 0x80) high++;
  }
  const stated = octal(block.subarray(offset, offset + length));
  return stated === unsigned || stated === unsigned - 256 * high;
}

/** GNU's own magic is `ustar` and two spaces: there the prefix field holds other things. */
function isPosix(block: Uint8Array): boolean {
  const magic = text(block, field.magic);
  return magic.length === 5 && magic.every((octet, i) => octet === 'ustar'.charCodeAt(i));
}

/** A field that ends at its first NUL, or at its last octet. */
function text(block: Uint8Array, [offset, length]: readonly [number, number]): Uint8Array {
  const nul = block.subarray(offset, offset + length).indexOf(0);
  return block.slice(offset, nul === -1 ? offset + length : offset + nul);
}

function joined(prefix: Uint8Array, name: Uint8Array): Uint8Array {
  const path = new Uint8Array(prefix.length + 1 + name.length);
  path.set(prefix);
  path[prefix.length] = SLASH;
  path.set(name, prefix.length + 1);
  return path;
}

function size(block: Uint8Array, name: Uint8Array): number {
  const octets = number(block, field.size, 'size', name);
  if (octets < 0) throw refused(`an entry has a bad size: ${shown(name)}`);
  return octets;
}

function number(block: Uint8Array, [offset, length]: readonly [number, number], what: string, name: Uint8Array): number {
  const bytes = block.subarray(offset, offset + length);
  const value = bytes[0]! >= 0x80 ? base256(bytes) : octal(bytes);
  if (!Number.isSafeInteger(value)) throw refused(`an entry has a bad ${what}: ${shown(name)}`);
  return value;
}

/** Octal digits, spaces in front, then nothing but spaces and NULs; an empty field is 0. NaN when it is not so. */
function octal(bytes: Uint8Array): number {
  let i = 0;
  while (bytes[i] === SPACE) i++;
  let value = 0;
  for (; i < bytes.length; i++) {
    const digit = bytes[i]! - ASCII_ZERO;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; i < bytes.length; i++) {
    if (bytes[i] !== SPACE && bytes[i] !== 0) return NaN;
  }
  return value;
}

/** GNU: the high bit marks two's complement, most significant octet first; 0x80 or 0xff in front. */
function base256(bytes: Uint8Array): number {
  const first = bytes[0]!;
  if (first !== 0x80 && first !== 0xff) return NaN;
  let value = first === 0xff ? -1n : 0n;
  for (let i = 1; i < bytes.length; i++) value = value * 256n + BigInt(bytes[i]!);
  return Number(value);
}
