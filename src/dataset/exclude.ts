import { Glob, Spellings, withSlashes } from '../glob.js';
import { toText, type ByteString } from './bytestring.js';

export interface Excluder {
  excludes(relative: ByteString, isDirectory: boolean): boolean;
  /** The patterns that have matched nothing so far. */
  unused(): string[];
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
  const matchers = patterns.map((pattern) => {
    const slashed = platform === 'win32' ? withSlashes(pattern) : pattern;
    const glob = slashed.replace(/^\.?\/+/, '').replace(/\/+$/, '');
    return {
      pattern,
      used: false,
      directoriesOnly: slashed.endsWith('/'),
      glob: new Glob(glob, { dot: true, nonegate: true }, platform),
    };
  });
  return {
    excludes: (relative, isDirectory) => {
      const text = toText(relative);
      let excluded = false;
      // All that were of no use yet are asked: one must not seem to match nothing because another came first.
      for (const matcher of matchers) {
        if ((excluded && matcher.used) || (matcher.directoriesOnly && !isDirectory)) continue;
        if (matcher.glob.matches(text ?? relative, text === null ? null : spellings)) excluded = matcher.used = true;
      }
      return excluded;
    },
    unused: () => matchers.filter(({ used }) => !used).map(({ pattern }) => pattern),
  };
}

/** What is said of a pattern that matched nothing, so that nothing leaves quietly. `pattern`: fit to print. */
export function unusedWords(pattern: string, platform: NodeJS.Platform = process.platform): string {
  return `the exclude pattern ${JSON.stringify(pattern)} matched nothing${perhaps(pattern, platform)}`;
}

/** What people who know other tools may have meant. */
function perhaps(pattern: string, platform: NodeJS.Platform): string {
  if (pattern.includes('\\') && platform !== 'win32') return '; write / between names, and not \\';
  if (/^(\/|[a-z]:)/i.test(pattern)) return "; patterns are relative to the source's directory";
  if (pattern.startsWith('!') && !pattern.startsWith('!(')) return '; ! does not re-include anything here';
  return /^[^/\\]+[/\\]?$/.test(pattern) && !pattern.startsWith('**') ? `; to match at every depth: **/${pattern}` : '';
}
