import { DATA_PREFIX } from './line.js';
import type { ByteString } from '../bytestring.js';

/**
 * The order of the walk that packs a dataset, as a comparison: sources as `chain.json` lists them, a directory before
 * what is in it, and names ascending by their bytes. What is no path below a source has no place in it.
 */
export class SourceOrder {
  readonly #places: ReadonlyMap<string, number>;
  /** Of the last path, since paths come source by source. */
  #last: { prefix: string; place: number | null } = { prefix: '', place: null };

  constructor(sources: readonly ByteString[]) {
    this.#places = new Map(sources.map((source, place) => [source, place]));
  }

  /** Where the source of `data/<source>/…` stands; null when the chain has no such source. */
  place(path: ByteString): number | null {
    if (this.#last.prefix !== '' && path.startsWith(this.#last.prefix)) return this.#last.place;
    const slash = path.indexOf('/', DATA_PREFIX.length);
    const source = path.slice(DATA_PREFIX.length, slash === -1 ? path.length : slash);
    const place = this.#places.get(source) ?? null;
    if (slash !== -1) this.#last = { prefix: path.slice(0, slash + 1), place };
    return place;
  }
}

/** A path and the place of its source. */
export interface Placed {
  path: ByteString;
  place: number;
}

/** Negative when `a` comes first, 0 for the same path. */
export function compareWalk(a: Placed, b: Placed): number {
  return a.place - b.place || comparePaths(a.path, b.path);
}

function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return rank(a, at) - rank(b, at);
}

/** The end of a path comes before everything, and what is in a directory before the names that go on: `a`, `a/b`, `a-b`. */
function rank(path: string, at: number): number {
  if (at === path.length) return 0;
  const code = path.charCodeAt(at);
  return code === 0x2f ? 1 : code + 2;
}
