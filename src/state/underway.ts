/** What has begun and not ended: a push that runs, one that was killed, deposits that something is left to do for. */
import { timestamp } from '../names/deposit.js';
import { lockState, type LastHolder } from './lock.js';
import { pendingWords, readPending, type PendingStage, type Place } from './pending.js';
import type { ArrangementState } from './arrangement-state.js';
import { readStrays } from './stray-names.js';

/** A process that took the lock. */
export interface Runner {
  pid: number;
  host: string;
  /** `YYYY-MM-DDTHH:MM:SSZ` */
  since: string;
  /** When it was last heard of, in the same form. */
  lastSeen: string;
}

export function runnerOf({ holder, lastSeen }: LastHolder): Runner {
  return { pid: holder.pid, host: holder.host, since: holder.since, lastSeen: timestamp(lastSeen) };
}

export interface UnderWay {
  running: Runner | null;
  /** The last push, when it ended without a run record: by kill -9, by the end of memory or power. */
  killed: Runner | null;
  /** Oldest first; while a push runs, its own among them. */
  pending: { depositId: string; stage: PendingStage; createdAt: string; text: string }[];
  /** Names of uploads that were given up, which may yet appear at the agent and are no deposits. */
  strays: string[];
  /** Files in `pending/` behind which a deposit may be hidden. */
  unreadable: string[];
}

/** For `status`; changes nothing, needs no lock. `goesTo` is where pushes go now, null when that is not known. */
export async function underWay(state: ArrangementState, goesTo: Place | null): Promise<UnderWay> {
  const lock = await lockState(state.directory);
  const { records, unreadable } = await readPending(state);
  const runner = lock === null ? null : runnerOf(lock);
  return {
    running: lock?.alive === true ? runner : null,
    killed: lock?.alive === false ? runner : null,
    pending: records.map((record) => ({
      depositId: record.depositId,
      stage: record.stage,
      createdAt: record.createdAt,
      text: pendingWords(record, goesTo),
    })),
    strays: (await readStrays(state)).strays.map(({ name }) => name),
    unreadable: unreadable.map(({ path }) => path),
  };
}

/** Of what never read, sealed or sent anything: what a run record says beside how it ended. */
export const nothingDone = { depositId: null, bytes: null, lanes: null, attempts: 0, reconnects: 0 };
