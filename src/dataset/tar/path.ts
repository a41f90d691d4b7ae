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
