import type { ByteString } from '../bytestring.js';
import { DATA } from '../archive.js';

/** Compares paths below `data/` as a walk meets them: sources in their order, a directory before what is in it, names by their bytes. */
export class WalkComparison {
  readonly #ranks: ReadonlyMap<string, number>;

  constructor(sources: readonly string[]) {
    this.#ranks = new Map(sources.map((name, rank) => [name, rank]));
  }

  /** Negative when `a` comes first; 0 only for the same path. A source that is not there comes last. */
  compare(a: ByteString, b: ByteString): number {
    if (a === b) return 0;
    const most = Math.min(a.length, b.length);
    let at = 0;
    while (at < most && a.charCodeAt(at) === b.charCodeAt(at)) at++;
    const [first, second] = [endOfSource(a), endOfSource(b)];
    if (at < Math.max(first, second)) {
      const [rankA, rankB] = [this.#rank(a, first), this.#rank(b, second)];
      if (rankA !== rankB) return rankA - rankB;
    }
    return weight(a, at) - weight(b, at);
  }

  #rank(path: ByteString, end: number): number {
    return this.#ranks.get(path.slice(DATA.length + 1, end)) ?? Number.MAX_SAFE_INTEGER;
  }
}

function endOfSource(path: ByteString): number {
  const slash = path.indexOf('/', DATA.length + 1);
  return slash < 0 ? path.length : slash;
}

/** The end of a path comes before what is below it, and that before names that only begin alike. */
function weight(path: ByteString, at: number): number {
  if (at === path.length) return -2;
  const byte = path.charCodeAt(at);
  return byte === 0x2f ? -1 : byte;
}
