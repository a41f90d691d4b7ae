import picomatch from 'picomatch';
import { toText, type ByteString } from './bytestring.js';

export interface Excluder {
  excludes(relative: ByteString, isDirectory: boolean): boolean;
  /** The patterns that have matched nothing so far. */
  unused(): string[];
}

// Line comments, since a glob may hold what ends the other kind.
//
// What a directory source leaves out. A pattern is a glob (picomatch: `*`, `**`, `?`, `[a-z]`, `{a,b}`, `!(a)`) against
// the path relative to the source's directory: `*.tmp` is about its first level, `**/*.tmp` about all. A slash at the
// end: only directories, which go with all that is below them; a slash in front means nothing. There is no negation: `!x`
// is a file of that name. A name that is not UTF-8 is matched as if it were ISO 8859-1. Null without patterns.
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
      // All that were of no use yet are asked: one must not seem to match nothing because another came first.
      for (const matcher of matchers) {
        if ((excluded && matcher.used) || (matcher.directoriesOnly && !isDirectory) || !matcher.matches(path)) continue;
        excluded = matcher.used = true;
      }
      return excluded;
    },
    unused: () => matchers.filter(({ used }) => !used).map(({ pattern }) => pattern),
  };
}
