import { refused, shown } from './format.js';

/** Longer paths are refused: more than any system opens (Windows: 32,767 UTF-16 units). */
export const MAX_PATH = 32_768;

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * The one spelling of a path in an archive: components with one `/` between them, none of which is empty, `.` or `..`.
 * Other tools write `./a`, `a/`, `a//b` and `a/./b`: these become `a` and `a/b`, and the root (`./`) nothing. Throws
 * `archive-refused` for absolute paths, `..`, and names that are empty, too long, or hold a NUL.
 */
export function canonical(spelling: Uint8Array): Uint8Array {
  if (isCanonical(spelling)) return spelling;
  if (spelling.length === 0) throw refused('an entry of the archive has an empty name');
  if (spelling.length > MAX_PATH) throw refused(`an entry's name is too long: ${shown(spelling)}`);
  if (spelling[0] === SLASH) throw refused(`an entry has an absolute path: ${shown(spelling)}`);
  if (spelling.includes(0)) throw refused(`an entry's name holds a NUL: ${shown(spelling)}`);
  const path = new Uint8Array(spelling.length);
  let length = 0;
  for (let start = 0; start <= spelling.length; ) {
    const slash = spelling.indexOf(SLASH, start);
    const stop = slash === -1 ? spelling.length : slash;
    if (isDots(spelling, start, stop, 2)) throw refused(`an entry's path leaves the archive: ${shown(spelling)}`);
    if (stop > start && !isDots(spelling, start, stop, 1)) {
      if (length > 0) path[length++] = SLASH;
      path.set(spelling.subarray(start, stop), length);
      length += stop - start;
    }
    start = stop + 1;
  }
  return path.subarray(0, length);
}

/** Whether a path can be a directory's only: it ends in `/` or `/.`. */
export function endsLikeDirectory(spelling: Uint8Array): boolean {
  const last = spelling.length - 1;
  return spelling[last] === SLASH || (spelling[last] === DOT && (last === 0 || spelling[last - 1] === SLASH));
}

/** Nearly all are, so no view of each component is made. */
function isCanonical(path: Uint8Array): boolean {
  if (path.length > MAX_PATH) return false;
  let start = 0;
  for (let at = 0; at <= path.length; at++) {
    if (path[at] === 0) return false;
    if (at < path.length && path[at] !== SLASH) continue;
    if (at === start || isDots(path, start, at, 1) || isDots(path, start, at, 2)) return false;
    start = at + 1;
  }
  return true;
}

function isDots(path: Uint8Array, start: number, stop: number, count: 1 | 2): boolean {
  return stop - start === count && path[start] === DOT && path[stop - 1] === DOT;
}
