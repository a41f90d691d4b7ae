/** What a path is in one night of a chain, whichever manifest says it: docs/format.md, section 12. */
import type { ByteString } from '../bytestring.js';
import type { EntryType } from '../tar/format.js';

/** Everything of the dataset lies below. */
export const DATA_PREFIX = 'data/';

/** Where the content of a file lies. */
export type Origin =
  /** In an entry of this suitcase; also whatever has no content. */
  | { kind: 'entry' }
  /** In so many parts of this suitcase. */
  | { kind: 'parts'; count: number }
  /** All of an object: the suitcase's number in the chain, and the path there. */
  | { kind: 'object'; night: number; object: ByteString }
  /** The N-th file of this suitcase's ranges. */
  | { kind: 'ranges'; number: number };

export interface NightEntry {
  path: ByteString;
  type: EntryType;
  mode: number;
  mtimeNs: bigint;
  /** Bytes of content; 0 for all but files. */
  size: number;
  /** Files only. */
  sha256: string | null;
  /** Links only. */
  linkTarget: ByteString | null;
  changed: boolean;
  origin: Origin;
}

/** A line of a manifest that is about a path. */
export type NightLine = { kind: 'removed'; path: ByteString } | ({ kind: 'entry' } & NightEntry);
