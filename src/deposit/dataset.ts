import type { DatasetOptions } from '../dataset/sources.js';
import type { PushOptions } from './push-types.js';

/** The dataset of an arrangement as the sealing thread reads it. */
export function datasetOf({ arrangement, config }: Pick<PushOptions, 'arrangement' | 'config'>, depositId: string): DatasetOptions {
  const { sources, specification, minBytes } = arrangement;
  return {
    sources,
    commandDirectory: config.directory,
    arrangement: arrangement.name,
    depositId,
    ...(specification !== undefined && { specification }),
    ...(minBytes !== undefined && { minBytes }),
  };
}
