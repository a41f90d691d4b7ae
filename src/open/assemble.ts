import { availableParallelism } from 'node:os';
import { assemble, type Assembled, type AssembleOptions } from '../dataset/assemble/assemble.js';
import type { Said } from '../threads.js';
import { limitError } from './consumer.js';
import type { Limit } from './opening.js';
import { WriteBeside } from './write-beside.js';

export interface AssemblingData extends Pick<AssembleOptions, 'directory' | 'work' | 'increments' | 'sources'> {
  maxBytes: Limit | null;
  maxEntries: Limit | null;
}

/** The assembling thread: the dataset of one night, from suitcases that were all opened before. */
export function assembleNight(
  { maxBytes, maxEntries, ...o }: AssemblingData,
  { say }: { say: (said: Said) => void },
): Assembled {
  return assemble({
    ...o,
    warn: (message) => say({ kind: 'warning', message }),
    progress: (bytes) => say({ kind: 'progress', bytes }),
    ...(availableParallelism() > 1 && { large: new WriteBeside() }),
    ...(maxBytes !== null && { maxBytes: maxBytes.most, tooLarge: () => limitError(maxBytes) }),
    ...(maxEntries !== null && { maxEntries: maxEntries.most, tooMany: () => limitError(maxEntries) }),
  });
}
