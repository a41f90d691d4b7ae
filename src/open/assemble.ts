import { assemble, type Assembled, type AssembleOptions } from '../dataset/assemble/assemble.js';
import type { BlockWriter } from '../dataset/extract/file-writer.js';
import type { LocalNames } from '../dataset/extract/local-names.js';
import { limitError } from './consumer.js';
import type { Limit } from './opening.js';

export interface Assembling extends Pick<AssembleOptions, 'directory' | 'work' | 'increments' | 'sources' | 'salvage'> {
  maxBytes: Limit | null;
  maxEntries: Limit | null;
}

/** The dataset of one night, from suitcases that were all opened before; see `src/dataset/assemble/assemble.ts`. */
export function assembleNight(
  { maxBytes, maxEntries, ...o }: Assembling,
  {
    warn,
    large,
    names,
  }: { warn: (message: string) => void; large: BlockWriter | undefined; names: ReadonlyMap<string, LocalNames> },
): Assembled {
  return assemble({
    ...o,
    warn,
    names,
    progress: () => undefined,
    ...(large !== undefined && { large }),
    ...(maxBytes !== null && { maxBytes: maxBytes.most, tooLarge: () => limitError(maxBytes) }),
    ...(maxEntries !== null && { maxEntries: maxEntries.most, tooMany: () => limitError(maxEntries) }),
  });
}
