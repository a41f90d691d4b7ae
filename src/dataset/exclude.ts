import { Glob, Spellings, withSlashes } from '../glob.js';
import { printable } from '../printable.js';
import { toText, type ByteString } from './bytestring.js';

/** How much one pattern left out; what others before it match, too, counts there. */
export interface Excluded {
  pattern: string;
  /** All that is no directory. */
  files: number;
  /** With all below them, which is not counted. */
  directories: number;
  /** Of the files. */
  bytes: number;
}

export interface Unused {
  pattern: string;
  /** It would match something further down. */
  deeper: boolean;
}

export interface Excluder {
  /** What left it out, to be counted there; null when it stays. */
  excludes(relative: ByteString, isDirectory: boolean): Excluded | null;
  counts(): Excluded[];
  /** The patterns that have matched nothing so far. */
  unused(): Unused[];
}

// Line comments, since a glob may hold what ends the other kind.
//
// What a directory source leaves out. A pattern is a glob (picomatch: `*`, `**`, `?`, `[a-z]`, `{a,b}`, `!(a)`) against
// the path relative to `root`, the source's directory: `*.tmp` is about its first level, `**/*.tmp` about all. A slash at
// the end: only directories, which go with all that is below them; a slash in front means nothing. There is no negation:
// `!x` is a file of that name. A name that is not UTF-8 is matched as if it were ISO 8859-1. Null without patterns.
export function excluder(
  patterns: readonly string[],
  root: ByteString,
  platform: NodeJS.Platform = process.platform,
): Excluder | null {
  if (patterns.length === 0) return null;
  const directory = toText(root);
  const spellings = directory === null ? null : new Spellings(directory);
  const options = { dot: true, nonegate: true };
  const matchers = patterns.map((pattern) => {
    const slashed = platform === 'win32' ? withSlashes(pattern) : pattern;
    const glob = slashed.replace(/^\.?\/+/, '').replace(/\/+$/, '');
    const isName = glob !== '' && !glob.includes('/') && !glob.startsWith('**');
    return {
      count: { pattern, files: 0, directories: 0, bytes: 0 },
      used: false,
      deeper: false,
      directoriesOnly: slashed.endsWith('/'),
      glob: new Glob(glob, options, platform),
      below: isName ? new Glob(`**/${glob}`, options, platform) : null,
    };
  });
  return {
    excludes: (relative, isDirectory) => {
      const text = toText(relative);
      let excluded: Excluded | null = null;
      // All that were of no use yet are asked: one must not seem to match nothing because another came first.
      for (const matcher of matchers) {
        if ((excluded !== null && matcher.used) || (matcher.directoriesOnly && !isDirectory)) continue;
        const matches = (glob: Glob): boolean => glob.matches(text ?? relative, text === null ? null : spellings);
        if (matches(matcher.glob)) {
          matcher.used = true;
          excluded ??= matcher.count;
        } else if (!matcher.used && !matcher.deeper && matcher.below !== null) matcher.deeper = matches(matcher.below);
      }
      return excluded;
    },
    counts: () => matchers.map(({ count }) => count),
    unused: () => matchers.filter(({ used }) => !used).map(({ count: { pattern }, deeper }) => ({ pattern, deeper })),
  };
}

/** What is said of a pattern that matched nothing, so that nothing leaves quietly. */
export function unusedWords({ pattern, deeper }: Unused, platform: NodeJS.Platform = process.platform): string {
  const shown = printable(pattern);
  const meant = deeper ? `, did you mean ${JSON.stringify(`**/${shown}`)}?` : perhaps(shown, platform);
  return `the exclude pattern ${JSON.stringify(shown)} matched nothing${meant}`;
}

/** What people who know other tools may have meant. */
function perhaps(pattern: string, platform: NodeJS.Platform): string {
  if (pattern.includes('\\') && platform !== 'win32') return '; write / between names, and not \\';
  if (/^(\/|[a-z]:)/i.test(pattern)) return "; patterns are relative to the source's directory";
  return pattern.startsWith('!') && !pattern.startsWith('!(') ? '; ! does not re-include anything here' : '';
}
