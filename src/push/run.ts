import { hostname } from 'node:os';
import type { DatasetSummary } from '../dataset/sources.js';
import { type DepotError, type Published, isStop } from '../errors.js';
import { timestamp } from '../names/deposit.js';
import type { RunDataset, RunRecord } from '../state/runs.js';

/** What a run of one arrangement knows of itself while it goes on; becomes its run record, however it ends. */
export class Run {
  readonly arrangement: string;
  readonly startedAt = new Date();
  readonly #clock = process.hrtime.bigint();
  published: Published = 'no';
  depositId: string | null = null;
  bytes: number | null = null;
  /** Files in the dataset, for what is said at the end; null where this run did not read them. */
  files: number | null = null;
  /** Likewise; null also for a full deposit. */
  changes: NonNullable<DatasetSummary['chain']>['changes'] = null;
  /** What was read, and what that was compared with; null where this run read nothing. */
  dataset: RunDataset | null = null;
  lanes: number | null = null;
  attempts = 0;
  reconnects = 0;
  /** What somebody must hear of although a deposit was made. */
  notice: { message: string; hint: string } | null = null;

  constructor(arrangement: string) {
    this.arrangement = arrangement;
  }

  /** What was delivered was an earlier run's: the deposit of this one is still to come. */
  startAgain(): void {
    this.published = 'no';
    this.depositId = null;
    this.bytes = null;
    this.files = null;
    this.changes = null;
    this.dataset = null;
  }

  /** Fills in what an error that comes from below cannot know: whose it is and whether anything was published. */
  describe(error: DepotError): DepotError {
    error.arrangement ??= this.arrangement;
    error.published ??= this.published;
    if (this.depositId !== null) error.depositId ??= this.depositId;
    if (isStop(error))
      error.hint ??=
        error.published === 'yes'
          ? `look at it with: «depot receipts show ${error.depositId ?? this.arrangement}»`
          : `run it again: «depot push ${this.arrangement}»`;
    return error;
  }

  /** The run record: null for a deposit that was made. */
  ended(end: DepotError | { skipped: string } | null): RunRecord {
    const failed = end !== null && 'code' in end;
    return {
      schema: 'depot.run/1',
      arrangement: this.arrangement,
      startedAt: timestamp(this.startedAt),
      finishedAt: timestamp(new Date()),
      exit: failed ? end.exit : 0,
      code: failed ? end.code : end === null ? null : 'skipped',
      message: failed ? end.message : end === null ? (this.notice?.message ?? null) : end.skipped,
      // The marks around lines to type are for the screen.
      ...(end === null && this.notice !== null && { hint: this.notice.hint }),
      ...(failed && end.hint !== undefined && { hint: end.hint.replace(/[«»]/g, '') }),
      published: failed ? (end.published ?? this.published) : this.published,
      depositId: this.depositId,
      bytes: this.bytes,
      // Wall clock and monotonic clock may disagree; how long it took is asked of the one that never jumps.
      seconds: Number((process.hrtime.bigint() - this.#clock) / 1_000_000n) / 1000,
      lanes: this.lanes,
      attempts: this.attempts,
      reconnects: this.reconnects,
      host: hostname(),
      ...(this.dataset !== null && { dataset: this.dataset }),
    };
  }
}
