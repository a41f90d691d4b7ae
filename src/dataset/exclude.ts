import picomatch from 'picomatch';
import { toText, type ByteString } from './bytestring.js';

// Line comments here, since a glob may hold what ends the other kind.
//
// What a directory source leaves out. A pattern is a glob (picomatch: `*`, `**`, `?`, `[a-z]`, `{a,b}`, `!(a)`) against the
// whole path relative to the source's directory: `*.tmp` is about its first level, `**/*.tmp` about all. Names with a dot in front
// match like others. A pattern that ends in a slash is about directories only; a slash in front means nothing. A directory that
// matches is left out with all that is below it. There is no negation: `!x` is a file of that name, and not everything else.
//
// Null when there are no patterns.
//
// A name that is not UTF-8 is matched with one character for each octet, as if it were ISO 8859-1.
export function excluder(patterns: readonly string[]): ((relative: ByteString, isDirectory: boolean) => boolean) | null {
  if (patterns.length === 0) return null;
  const matchers = patterns.map((pattern) => ({
    directoriesOnly: pattern.endsWith('/'),
    matches: picomatch(pattern.replace(/^\.?\/+/, '').replace(/\/+$/, ''), { dot: true, nonegate: true }),
  }));
  return (relative, isDirectory) => {
    const path = toText(relative) ?? relative;
    return matchers.some(({ directoriesOnly, matches }) => (isDirectory || !directoriesOnly) && matches(path));
  };
}
