import type { ByteString } from './bytestring.js';

/** The first entry of every archive that depot makes; one that begins otherwise has no manifest and no parts. */
export const FIRST_ENTRY = 'DEPOT/README.md';

export interface PartName {
  /** The name that the parts join to. */
  joined: ByteString;
  /** From 1. */
  number: number;
}

/** What part of what `path` is, or null: parts exist only directly under `data/` and `DEPOT/`. */
export function partName(path: ByteString): PartName | null {
  // `data/..part-000001` and `data/...part-000001` are names like any other: there is nothing to join them to.
  const match = /^((?:data|DEPOT)\/(?!\.{1,2}\.part-\d{6}$)[^/]+)\.part-(\d{6})$/.exec(path);
  return match === null ? null : { joined: match[1] as ByteString, number: Number(match[2]) };
}
