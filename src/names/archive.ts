/** Names inside a suitcase's archive. */

/** The first entry of every archive that depot makes; one that begins otherwise has no manifest and no parts. */
export const FIRST_ENTRY = 'DEPOT/README.md';

/** The second entry of an increment, and of nothing else: which suitcases it needs. */
export const CHAIN_PATH = 'DEPOT/chain.json';

/** Not in the archive: beside what was opened, a list of what is not as in it, links and names. */
export const NOTES = 'NOT-AS-IN-THE-ARCHIVE.txt';

/** In an increment, joined from parts that stand between the other entries: new bytes of large files, and what these are made of. */
export const PIECES_PATH = 'DEPOT/pieces';
export const RANGES_PATH = 'DEPOT/ranges';
export function isInterleaved(path: string): boolean {
  return path === PIECES_PATH || path === RANGES_PATH;
}

/**
 * Parts: what has no known length (a command, stdin, the manifest) is stored as `<path>.part-000001`,
 * `<path>.part-000002`, …, which `cat <path>.part-*` joins. Six digits, so that a shell's order is ours.
 */
export const MAX_PARTS = 999_999;
export function partSuffix(number: number): string {
  return `.part-${String(number).padStart(6, '0')}`;
}

export interface PartName<T extends string> {
  /** The name that the parts join to. */
  joined: T;
  /** From 1. */
  number: number;
}

/** What part of what `path` is, or null: parts exist only directly under `data/` and `DEPOT/`. */
export function partName<T extends string>(path: T): PartName<T> | null {
  // `data/..part-000001` and `data/...part-000001` are names like any other: there is nothing to join them to.
  const match = /^((?:data|DEPOT)\/(?!\.{1,2}\.part-\d{6}$)[^/]+)\.part-(\d{6})$/.exec(path);
  return match === null ? null : { joined: match[1] as T, number: Number(match[2]) };
}
