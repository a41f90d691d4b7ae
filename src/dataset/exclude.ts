import picomatch from 'picomatch';
import { toText, type ByteString } from './bytestring.js';

export interface Excluder {
  excludes(relative: ByteString, isDirectory: boolean): boolean;
  /** The patterns that have matched nothing so far, as they were written. */
  unused(): string[];
}

// Line comments here, since a glob may hold what ends the other kind.
//
// What a directory source leaves out. A pattern is a glob (picomatch: `*`, `**`, `?`, `[a-z]`, `{a,b}`, `!(a)`) against the
// whole path relative to the source's directory: `*.tmp` is about its first level, `**/*.tmp` about all. Names with a dot in front
// match like others. A pattern that ends in a slash is about directories only; a slash in front means nothing. A directory that
// matches is left out with all that is below it. There is no negation: `!x` is a file of that name, and not everything else.
//
// Null when there are no patterns.
//
// A name that is not UTF-8 is matched with one character for each byte, as if it were ISO 8859-1.
export function excluder(patterns: readonly string[]): Excluder | null {
  if (patterns.length === 0) return null;
  const matchers = patterns.map((pattern) => ({
    pattern,
    used: false,
    directoriesOnly: pattern.endsWith('/'),
    matches: picomatch(pattern.replace(/^\.?\/+/, '').replace(/\/+$/, ''), { dot: true, nonegate: true }),
  }));
  return {
    excludes: (relative, isDirectory) => {
      const path = toText(relative) ?? relative;
      let excluded = false;
      // All that were of no use yet are asked, so that one is not said to match nothing because another one came first.
      for (const matcher of matchers) {
        if ((excluded && matcher.used) || (matcher.directoriesOnly && !isDirectory) || !matcher.matches(path)) continue;
        excluded = matcher.used = true;
      }
      return excluded;
    },
    unused: () => matchers.filter(({ used }) => !used).map(({ pattern }) => pattern),
  };
}
