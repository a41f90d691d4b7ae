import { assemble, type Assembled, type AssembleOptions } from '../dataset/assemble/assemble.js';
import type { BlockWriter } from '../dataset/extract/file-writer.js';
import { limitError } from './consumer.js';
import type { Limit } from './opening.js';

export interface Assembling extends Pick<AssembleOptions, 'directory' | 'work' | 'increments' | 'sources' | 'salvage'> {
  maxBytes: Limit | null;
  maxEntries: Limit | null;
}

/** The dataset of one night, from suitcases that were all opened before; see `src/dataset/assemble/assemble.ts`. */
export function assembleNight(
  { maxBytes, maxEntries, ...o }: Assembling,
  { warn, large }: { warn: (message: string) => void; large: BlockWriter | undefined },
): Assembled {
  return assemble({
    ...o,
    warn,
    progress: () => undefined,
    ...(large !== undefined && { large }),
    ...(maxBytes !== null && { maxBytes: maxBytes.most, tooLarge: () => limitError(maxBytes) }),
    ...(maxEntries !== null && { maxEntries: maxEntries.most, tooMany: () => limitError(maxEntries) }),
  });
}
