import { type ChildOptions, run } from '../child.js';
import { printable } from '../printable.js';
import type { SourceSpec } from '../source.js';
import type { DatasetHooks, DatasetOptions } from './sources.js';

/** A cleanup without a `timeout` of its own may not hold up everything for ever. */
const CLEANUP_TIMEOUT_MS = 10 * 60_000;

/** How the commands of a source run; `what` is prepare, command or cleanup. */
export function commandOptions(source: SourceSpec, options: DatasetOptions, what: string): ChildOptions {
  return {
    label: `source ${printable(source.name)}: ${what}`,
    code: 'source-failed',
    timeoutCode: 'source-timed-out',
    directory: options.commandDirectory,
    env: process.env,
    ...(source.env && { setEnv: source.env }),
    ...(source.timeoutMs !== undefined && { timeoutMs: source.timeoutMs }),
  };
}

/** Runs what makes the source readable. Throws as `run` does. */
export async function runPrepare(source: SourceSpec, options: DatasetOptions, signal: AbortSignal): Promise<void> {
  if (source.prepare !== undefined)
    await run(source.prepare, { ...commandOptions(source, options, 'prepare'), signal });
}

/**
 * Runs after everything else with this source, whatever came of it, also after an abort: so no signal ends it, only time.
 * Never throws: the dataset is as good or as bad as it was.
 */
export async function runCleanup(
  source: SourceSpec,
  options: DatasetOptions,
  warn: DatasetHooks['warn'],
): Promise<void> {
  if (source.cleanup === undefined) return;
  try {
    await run(source.cleanup, { timeoutMs: CLEANUP_TIMEOUT_MS, ...commandOptions(source, options, 'cleanup') });
  } catch (error) {
    // What it did not clean away may be the dataset, unencrypted.
    warn(error instanceof Error ? error.message : String(error), 'act');
  }
}
