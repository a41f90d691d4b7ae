import type { Limit } from '../open/messages.js';
import type { Receipt } from '../receipt/schema.js';

/** More than any key, signature or receipt has: keys that strangers have certified ten thousand times have been seen. */
export const LARGEST_GIVEN_FILE = 16 << 20;

/** Room in the archive beside the content: headers with long names, the manifest's line, padding. */
const OCTETS_PER_ENTRY = 16 * 1024;
const OCTETS_BESIDE = 64 << 20;

/** The most octets that the archive of such a dataset can have; more is a bomb and not this dataset. */
export function contentLimit({ bytes, entries }: Receipt['dataset']): number {
  return bytes + entries * OCTETS_PER_ENTRY + OCTETS_BESIDE;
}

/** Parts have 16 MiB, but for the last of a file. */
const OCTETS_PER_PART = 1 << 20;
const ENTRIES_BESIDE = 1000;

/** The most entries that the archive of such a dataset can have: its own, parts of files and of the manifest, and depot's. */
export function entryLimit(dataset: Receipt['dataset']): number {
  return dataset.entries + Math.ceil(contentLimit(dataset) / OCTETS_PER_PART) + ENTRIES_BESIDE;
}

/** More than a verified receipt or the user allows. */
export function allowedOctets(most: number): Limit {
  return { most, exceeded: { code: 'archive-refused', message: `the content is larger than ${most} octets`, hint: 'if that is to be expected, allow more with --max-size' } };
}

/** More than a verified receipt allows. */
export function allowedEntries(most: number): Limit {
  return { most, exceeded: { code: 'archive-refused', message: `the archive holds more than ${most} entries`, hint: 'tell the supplier: its receipt says less' } };
}
