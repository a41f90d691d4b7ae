import { availableParallelism } from 'node:os';
import type { Assembled } from '../dataset/assemble/assemble.js';
import { checkNight } from '../dataset/assemble/check-night.js';
import { KeptNight } from '../dataset/assemble/kept-night.js';
import { Scratch } from '../dataset/assemble/scratch.js';
import type { CountedNight } from '../dataset/assemble/tally.js';
import { LocalNames } from '../dataset/extract/local-names.js';
import { type ErrorRecord, errorToRecord } from '../errors.js';
import type { Said } from '../threads.js';
import { assembleNight, type Assembling } from './assemble.js';
import { limitError } from './consumer.js';
import { open } from './open.js';
import type { Limit, OpenOptions, OpenResult } from './opening.js';
import { WriteBeside } from './write-beside.js';

export interface OpeningAll {
  /** In the order in which they are opened; none is `emit`. */
  suitcases: OpenOptions[];
  /** The next is opened, too, where one cannot be. */
  goesOn: boolean;
  /** What `check` does with all of a chain, the full deposit first, at the end; null for nothing. */
  night: NightCheck | null;
  /** What is made at the end of all that `extract` wrote; null for nothing. */
  assembling: Assembling | null;
}

export interface NightCheck {
  /** An empty file for the contents, encrypted under `key`: 32 bytes. The caller has both. */
  scratch: number;
  key: Uint8Array;
  /** Of `chain.json`. */
  sources: readonly string[];
  /** Of the whole night. */
  maxBytes: Limit | null;
}

/** What became of one suitcase, or of the night. */
export type Outcome<T> = { done: T } | { error: ErrorRecord };

export interface OpenedAll {
  /** One for each suitcase that was opened; an error ends them unless it `goesOn`. */
  opened: Outcome<OpenResult>[];
  /** Null where it was not asked for, or a suitcase could not be opened. */
  night: Outcome<CountedNight> | null;
  /** Likewise. */
  assembled: Outcome<Assembled> | null;
}

/** The opening thread for several suitcases, one after the other. */
export async function openAll(
  { suitcases, goesOn, night, assembling }: OpeningAll,
  { say }: { say: (said: Said) => void },
): Promise<OpenedAll> {
  // One for all, since a thread takes longer to start than most suitcases take to open.
  const large = availableParallelism() > 1 ? new WriteBeside() : undefined;
  const scratch = night === null ? null : new Scratch(night.scratch, night.key);
  const opened: OpenedAll['opened'] = [];
  const kept: KeptNight[] = [];
  const names = new Map<string, LocalNames>();
  let done = 0;
  for (const suitcase of suitcases) {
    const keep = scratch === null ? null : new KeptNight(scratch);
    const own = new LocalNames();
    if (suitcase.mode.kind === 'extract') names.set(suitcase.mode.directory, own);
    const outcome = await outcomeOf(() =>
      open(suitcase, {
        to: undefined,
        say: (said) => say(said.kind === 'progress' ? { ...said, bytes: done + said.bytes } : said),
        keep,
        large,
        names: own,
      }),
    );
    opened.push(outcome);
    if ('error' in outcome) {
      if (goesOn) continue;
      break;
    }
    done += outcome.done.bytes;
    if (keep === null) continue;
    keep.finish();
    kept.push(keep);
  }
  const isWhole = opened.every((outcome) => 'done' in outcome);
  return {
    opened,
    night: night === null || !isWhole ? null : await outcomeOf(() => checkedNight(kept, night)),
    assembled:
      assembling === null || !isWhole
        ? null
        : await outcomeOf(() =>
            assembleNight(assembling, { warn: (message) => say({ kind: 'warning', message }), large, names }),
          ),
  };
}

function checkedNight(nights: readonly KeptNight[], { sources, maxBytes }: NightCheck): CountedNight {
  const limits = maxBytes === null ? {} : { maxBytes: maxBytes.most, tooLarge: () => limitError(maxBytes) };
  return checkNight({ nights, sources, ...limits });
}

async function outcomeOf<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { done: await work() };
  } catch (error) {
    return { error: errorToRecord(error) };
  }
}
