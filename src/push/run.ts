import { hostname } from 'node:os';
import type { DatasetSummary } from '../dataset/sources.js';
import { type DepotError, type Published, isStop } from '../errors.js';
import { timestamp } from '../names/deposit.js';
import type { RunDataset, RunRecord } from '../state/runs.js';

/** What a run of one arrangement knows of itself while it goes on; becomes its run record, however it ends. */
export class Run {
  readonly arrangement: string;
  readonly typed: (hint: string) => string;
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
  /** How much smaller it was; null where it was not. */
  shrank: string | null = null;
  /** The record of the push before this one, which was killed, while nobody was told of it. */
  afterKilled: RunRecord | null = null;
  lanes: number | null = null;
  attempts = 0;
  reconnects = 0;
  /** What somebody must hear of although a deposit was made. */
  notice: { message: string; hint: string } | null = null;

  /** `typed`: makes the lines to type in a hint work as they stand. */
  constructor(arrangement: string, typed = withoutMarks) {
    this.arrangement = arrangement;
    this.typed = typed;
  }

  /** What was delivered was an earlier run's: the deposit of this one is still to come. */
  startAgain(): void {
    this.published = 'no';
    this.depositId = null;
    this.bytes = null;
    this.files = null;
    this.changes = null;
    this.dataset = null;
    this.shrank = null;
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

  /** The run record: null for a deposit that was made, of which there is only something to say if it is much smaller. */
  ended(end: DepotError | { skipped: string } | null): RunRecord {
    const failed = end !== null && 'code' in end;
    const ofDeposit = this.notice?.hint ?? (this.shrank === null ? undefined : this.#ifWrong());
    const hint = failed ? end.hint : end === null ? ofDeposit : undefined;
    return {
      schema: 'depot.run/1',
      arrangement: this.arrangement,
      startedAt: timestamp(this.startedAt),
      finishedAt: timestamp(new Date()),
      exit: failed ? end.exit : 0,
      code: failed ? end.code : end === null ? null : 'skipped',
      message: failed ? end.message : end === null ? (this.notice?.message ?? this.#smaller()) : end.skipped,
      ...(hint !== undefined && { hint: this.typed(hint) }),
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

  #smaller(): string | null {
    if (this.shrank === null) return null;
    return `${this.shrank}; it was deposited all the same, and the earlier deposit is untouched`;
  }

  #ifWrong(): string {
    return `find out what is missing; if something is, mend the source, then push again: «depot push ${this.arrangement}»; if that is all there is, nothing is to be done`;
  }
}

/** The marks around lines to type are for the screen. */
function withoutMarks(hint: string): string {
  return hint.replace(/[«»]/g, '');
}
