/** What has begun and not ended: a push that runs, one that was killed, deposits that something is left to do for. */
import { lockState } from './lock.js';
import { readPending, type PendingStage } from './pending.js';
import type { ArrangementState } from './state.js';

/** A process that took the lock. */
export interface Runner {
  pid: number;
  host: string;
  /** `YYYY-MM-DDTHH:MM:SSZ` */
  since: string;
}

export interface UnderWay {
  running: Runner | null;
  /** The last push, when it ended without a run record: by kill -9, by the end of memory or power. */
  killed: Runner | null;
  /** Oldest first; while a push runs, its own among them. */
  pending: { depositId: string; stage: PendingStage; createdAt: string }[];
  /** Files in `pending/` behind which a deposit may be hidden. */
  unreadable: string[];
}

/** For `status`; changes nothing, needs no lock. */
export async function underWay(state: ArrangementState): Promise<UnderWay> {
  const lock = await lockState(state.directory);
  const { records, unreadable } = await readPending(state);
  const runner = lock === null ? null : { pid: lock.holder.pid, host: lock.holder.host, since: lock.holder.since };
  return {
    running: lock?.alive === true ? runner : null,
    killed: lock?.alive === false ? runner : null,
    pending: records.map(({ depositId, stage, createdAt }) => ({ depositId, stage, createdAt })),
    unreadable: unreadable.map(({ path }) => path),
  };
}
