/** What became of the runs of one arrangement: the run records, the push that runs now, and the one that was killed and has no record yet. */
import { parseTimestamp } from '../names/deposit.js';
import type { ArrangementState } from './arrangement-state.js';
import { lockState } from './lock.js';
import { type RunRecord, runsBackwards } from './runs.js';
import { killedRun, settledSince } from './killed.js';
import { nothingDone, type Runner, runnerOf } from './underway.js';

/** A run record with its result; of a push that still runs, what only its end can tell is null, and `seconds` is how long it has been running. */
export interface PastRun
  extends Omit<RunRecord, 'schema' | 'finishedAt' | 'exit' | 'code' | 'published' | 'seconds' | 'hint'> {
  result: 'deposited' | 'skipped' | 'failed' | 'killed' | 'running';
  finishedAt: string | null;
  exit: number | null;
  code: string | null;
  hint: string | null;
  published: RunRecord['published'] | null;
  seconds: number | null;
  /** Of a push that is running, where it is known. */
  pid?: number;
}

/** The newest `most` runs that `wanted` accepts, newest first; reads no more than that takes. Changes nothing, needs no lock. */
export async function pastRuns(
  state: ArrangementState,
  most: number,
  wanted: (run: PastRun) => boolean,
  now = new Date(),
): Promise<PastRun[]> {
  const found: PastRun[] = [];
  for await (const run of history(state, now)) {
    if (found.length === most) break;
    if (wanted(run)) found.push(run);
  }
  return found;
}

async function* history(state: ArrangementState, now: Date): AsyncGenerator<PastRun> {
  const lock = await lockState(state.directory);
  const runner = lock === null ? null : runnerOf(lock);
  if (runner !== null && lock?.alive === true) yield running(state.arrangement, runner, now);
  // Others may have failed since, without the lock: it stands where it was last heard of.
  let killed = runner !== null && lock?.alive === false ? await killedRun(state, runner) : null;
  let deposited: PastRun | null = null;
  for await (const run of runsBackwards(state)) {
    if (killed !== null && killed.finishedAt >= run.finishedAt) {
      yield finished(killed);
      killed = null;
    }
    const past = finished({ ...run, arrangement: state.arrangement });
    yield past.result === 'killed' ? await asSettled(state, past, deposited) : past;
    if (past.published === 'yes') deposited ??= past;
  }
  if (killed !== null) yield finished(killed);
}

/** What the push that was killed could not know, and what was still to be done then. `later`: a push that made a deposit since. */
async function asSettled(state: ArrangementState, run: PastRun, later: PastRun | null): Promise<PastRun> {
  const hint = later === null ? run.hint : `nothing to do: a later push deposited ${later.depositId ?? ''}`.trimEnd();
  if (run.published !== 'unknown' || run.depositId === null) return { ...run, hint };
  const since = await settledSince(state, run.depositId);
  if (since === null) return { ...run, hint };
  return { ...run, hint, published: since.published, message: `${run.message ?? ''}; settled since: ${since.words}` };
}

function running(arrangement: string, { pid, since, lastSeen, host }: Runner, now: Date): PastRun {
  const startedAt = parseTimestamp(since) === null ? lastSeen : since;
  return {
    result: 'running',
    arrangement,
    startedAt,
    finishedAt: null,
    exit: null,
    code: null,
    message: null,
    hint: null,
    published: null,
    ...nothingDone,
    seconds: Math.max(0, (now.getTime() - Date.parse(startedAt)) / 1000),
    host,
    ...(pid > 0 && { pid }),
  };
}

/** Of a record no more was checked than that it is one: other versions wrote some of them. */
function finished(run: RunRecord): PastRun {
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  const { arrangement, finishedAt, exit, published, attempts, reconnects, dataset } = run;
  const startedAt = text(run.startedAt) ?? finishedAt;
  return {
    result: resultOf(run),
    arrangement,
    startedAt: parseTimestamp(startedAt) === null ? finishedAt : startedAt,
    finishedAt,
    exit,
    code: text(run.code),
    message: text(run.message),
    hint: text(run.hint),
    published,
    depositId: text(run.depositId),
    bytes: number(run.bytes),
    seconds: number(run.seconds),
    lanes: number(run.lanes),
    attempts,
    reconnects,
    host: text(run.host) ?? '',
    ...(dataset !== undefined && { dataset }),
  };
}

function resultOf({ exit, code }: Pick<RunRecord, 'exit' | 'code'>): PastRun['result'] {
  if (code === 'killed') return 'killed';
  if (exit !== 0) return 'failed';
  return code === 'skipped' ? 'skipped' : 'deposited';
}
