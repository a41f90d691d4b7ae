import { refused, shown } from './refused.js';

/** Longer paths are refused: more than any system opens (Windows: 32,767 UTF-16 units). */
export const MAX_PATH = 32_768;

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * The components of a path in an archive. `.` and empty ones (`./a`, `a//b`) are left out, so that two
 * spellings of one file are one; `./` itself, the root, has none.
 *
 * Throws `archive-refused` for what would not stay below one directory: absolute paths, `..`, and
 * names that are empty, too long, or hold a NUL.
 */
export function components(path: Uint8Array): Uint8Array[] {
  if (path.length === 0) throw refused('an entry of the archive has an empty name');
  if (path.length > MAX_PATH) throw refused(`an entry's name is too long: ${shown(path)}`);
  if (path[0] === SLASH) throw refused(`an entry has an absolute path: ${shown(path)}`);
  if (path.includes(0)) throw refused(`an entry's name holds a NUL: ${shown(path)}`);
  const parts: Uint8Array[] = [];
  for (let start = 0; start <= path.length; ) {
    const slash = path.indexOf(SLASH, start);
    const stop = slash === -1 ? path.length : slash;
    const dot = path[start] === DOT;
    if (dot && stop - start === 2 && path[start + 1] === DOT) throw refused(`an entry's path leaves the archive: ${shown(path)}`);
    if (stop > start && !(dot && stop - start === 1)) parts.push(path.subarray(start, stop));
    start = stop + 1;
  }
  return parts;
}

/** Byte for byte, as `memcmp`: negative, 0 or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** ASCII text as octets; what a constant path is compared with. */
export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
