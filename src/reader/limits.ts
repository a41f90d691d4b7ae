import type { Limit } from '../open/opening.js';
import type { Receipt } from '../receipt/schema.js';

/** Room in the archive beside the content: headers with long names, the manifest's line, padding. */
const BYTES_PER_ENTRY = 16 * 1024;
const BYTES_BESIDE = 64 << 20;

/** The most bytes that the archive of such a dataset can have; more is a bomb and not this dataset. */
export function contentLimit({ bytes, entries }: Pick<Receipt['dataset'], 'bytes' | 'entries'>): number {
  return bytes + entries * BYTES_PER_ENTRY + BYTES_BESIDE;
}

/** Parts have 16 MiB, but for the last of a file. */
const BYTES_PER_PART = 1 << 20;
const ENTRIES_BESIDE = 1000;

/** The most entries that such an archive can have: the dataset's, parts of files and manifest, and depot's. */
export function entryLimit(dataset: Receipt['dataset']): number {
  return dataset.entries + Math.ceil(contentLimit(dataset) / BYTES_PER_PART) + ENTRIES_BESIDE;
}

/** Who says how much there can be. */
export type Source = 'user' | 'receipt' | 'unverified receipt' | 'nobody';

const whose: Record<Source, { message: string; hint: string }> = {
  user: { message: ', the limit that was set', hint: 'if you expect that much, allow more' },
  receipt: {
    message: ', the largest size possible for the dataset in the receipt',
    hint: 'do not use it, and tell the supplier; to look at it anyway, allow more',
  },
  'unverified receipt': {
    message: ', the largest size possible for the dataset in the receipt (nobody verified its signature)',
    hint: 'add --signer FILE to know whose receipt it is; or, if you expect that much, allow more',
  },
  nobody: { message: '', hint: 'if you expect that much, allow more' },
};

/** More than `source` allows. */
export function allowedBytes(most: number, source: Source): Limit {
  const { message, hint } = whose[source];
  return {
    most,
    exceeded: {
      code: 'archive-refused',
      message: `the content is larger than ${most} bytes${message}`,
      hint: `${hint}: --max-size ${twice(most)}`,
    },
  };
}

/** Twice as much, in a number to type. */
export function twice(bytes: number): string {
  const units = { TiB: 2 ** 40, GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10 };
  const [unit, size] = Object.entries(units).find(([, size]) => bytes >= 2 * size) ?? ['', 1];
  return unit === '' ? String(Math.max(2 * bytes, 1024)) : `${Math.ceil((2 * bytes) / size)}${unit}`;
}

/** More than a verified receipt allows. */
export function allowedEntries(most: number): Limit {
  return {
    most,
    exceeded: {
      code: 'archive-refused',
      message: `the archive holds more than ${most} entries`,
      hint: 'tell the supplier: its receipt says less',
    },
  };
}
