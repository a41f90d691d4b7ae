import { orAborted } from '../abort.js';
import { DepotError, foreseen, isDepotError } from '../errors.js';
import type { Arrangement } from '../config/types.js';
import { logInfo } from '../log.js';
import { said } from '../printable.js';
import { isMounted } from '../shell.js';
import { killedNoted } from '../state/notified.js';
import { Ledger } from '../state/ledger.js';
import { lockArrangement, type Lock } from '../state/lock.js';
import { readPending } from '../state/pending.js';
import { appendRun, type RunRecord } from '../state/runs.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { killedRun } from '../state/killed.js';
import { runnerOf } from '../state/underway.js';
import { lanesSeen } from '../state/tested-server.js';
import { connectToAgent, withUsername } from './agent.js';
import { isAsAsked, tellOfNoChain } from './chain.js';
import { makeDeposit } from './deposit.js';
import { dryRun } from './dry-run.js';
import { readKeys, tellOfKeys } from './deposit-keys.js';
import type { Deposit, DryRunSummary, PushHooks, PushOptions, PushOutcome, Skipped } from './push-types.js';
import { Run } from './run.js';
import type { PushContext } from './push-context.js';
import { recentDeposit } from './recent.js';
import { secretsFor, type SecretFinder } from './secret-finder.js';
import { undelivered } from './sidecars.js';
import { clearSpool } from './spool-file.js';
import { settlePending, type Settled } from './settle.js';
import { step } from './steps.js';
import { tellOfUnmounted } from './unmounted.js';

const dayMs = 24 * 3600 * 1000;

/**
 * One deposit of one arrangement, as a story:
 *
 *     lock | last deposit old enough? | keys fit? | connect, log in | settle what earlier runs left
 *     | intent on disk | partial at the agent | seal ==> upload | draft on disk | close, rename
 *     | receipt, ledger | sidecars
 *
 * Every run leaves a run record, whatever happens; no error leaves without saying whether anything was published.
 *
 * @throws DepotError with `arrangement` and `published` set
 */
export async function push(options: PushOptions, hooks: PushHooks): Promise<PushOutcome> {
  const { name } = options.arrangement;
  const run = new Run(name, hooks.typed);
  const { signal } = options;
  tellOfNoChain(options, hooks);
  if (options.dryRun)
    return {
      arrangement: name,
      dryRun: await describing(run, signal, async () => tryOut(await named(options), hooks)),
    };

  let state: ArrangementState | null = null;
  try {
    const opened = await describing(run, signal, () =>
      ArrangementState.open(options.stateDirectory, name, `«depot push ${name}»`),
    );
    state = opened;
    const outcome = await describing(run, signal, async () => {
      // What has nothing to do is no failure because a signal came first.
      const recent = signal.aborted ? await recentDeposit(opened, options, run.startedAt) : null;
      return recent ?? pushLocked(await named(options), opened, run, hooks);
    });
    if ('deposit' in outcome && outcome.newLedger) run.notice = firstDeposit(opened.stateDirectory);
    const record = run.ended('skipped' in outcome ? outcome : null);
    await describing(run, signal, () => keepRecord(opened, record));
    tellOfKilled(run, record, hooks);
    if ('skipped' in outcome) {
      hooks.recorded?.(record, outcome.because);
      return { arrangement: name, ...outcome };
    }
    hooks.recorded?.(record);
    return {
      arrangement: name,
      deposit: { ...outcome.deposit, run: record },
      newLedger: outcome.newLedger,
      files: run.files,
      changes: run.changes,
    };
  } catch (error) {
    if (state !== null) await tellOfUnmounted(error, options.arrangement.dataset, state);
    const record = run.ended(error as DepotError);
    if (state !== null) await appendRun(state, record).catch(unrecorded(hooks));
    tellOfKilled(run, record, hooks);
    hooks.recorded?.(record);
    throw error;
  }
}

/** Said of every first deposit: after those of years, that is how a state directory looks whose file system is not mounted. */
function firstDeposit(stateDirectory: string): NonNullable<Run['notice']> {
  return {
    message: `this is the first deposit in ${stateDirectory}; a new ledger begins there`,
    hint: `if there were others before: ${isMounted(stateDirectory)}`,
  };
}

/** A push that could not even be called has failed, too: keeps its record, and gives the error that says so. */
export async function failedToBegin(
  { arrangement: { name }, stateDirectory }: Pick<PushOptions, 'arrangement' | 'stateDirectory'>,
  thrown: unknown,
  signal: AbortSignal,
  hooks: Pick<PushHooks, 'warn' | 'recorded' | 'typed'>,
): Promise<DepotError> {
  const run = new Run(name, hooks.typed);
  const error = run.describe(foreseen(thrown, signal));
  const record = run.ended(error);
  await ArrangementState.open(stateDirectory, name)
    .then((state) => appendRun(state, record))
    .catch(unrecorded(hooks));
  hooks.recorded?.(record);
  return error;
}

/** The run record is the least that is left of a failure, and must not hide it. */
function unrecorded({ warn }: Pick<PushHooks, 'warn'>): (second: unknown) => void {
  return (second) => {
    warn(`the run record could not be written: ${(second as Error).message}`, 'act');
  };
}

async function named(o: PushOptions): Promise<PushOptions> {
  if (o.signal.aborted) throw notBegun(o.signal);
  return { ...o, arrangement: await withUsername(o.config, o.arrangement) };
}

function notBegun({ reason }: AbortSignal): DepotError {
  const { code, message } = isDepotError(reason) ? reason : new DepotError('interrupted', 'interrupted');
  return new DepotError(code, `not begun: ${message}`, { cause: reason });
}

/** Its own account only: another one would show what its own permissions allow, and not what the push's do. */
async function tryOut(o: PushOptions, hooks: PushHooks): Promise<DryRunSummary> {
  const { name } = o.arrangement;
  await new ArrangementState(o.stateDirectory, name).requireOwn(`«depot push ${name} --dry-run»`);
  return dryRun(o, hooks);
}

/** What only one push of an arrangement may do at a time, on whatever machine: all of it but the run record. */
async function pushLocked(
  o: PushOptions,
  state: ArrangementState,
  run: Run,
  hooks: PushHooks,
): Promise<Skipped | { deposit: Deposit; newLedger: boolean }> {
  refuseEnded(o.arrangement, run.startedAt);
  const lock = await lockArrangement(state.directory, { telling: true }).catch((error: unknown) => {
    if (o.ifNotRunning === true && isDepotError(error, 'locked')) return error;
    throw error;
  });
  if (isDepotError(lock)) return { skipped: lock.message, because: 'running' };
  step('locked');
  logInfo(state.arrangement, `has the lock of ${state.directory}`);
  // Another machine that took the lock over, because ours looked dead to it, ends this push too.
  const signal = AbortSignal.any([o.signal, lock.lost]);
  try {
    await recordKilled(state, lock, run, hooks);
    const unsettled = await tidy(state);
    const recent = await recentDeposit(state, o, run.startedAt);
    if (recent !== null && !unsettled) return recent;
    hooks.begun?.();

    const secrets = secretsFor(o);
    // Reading changes nothing, and what it waits for, such as a share that gives nothing, need not come.
    const keys = await orAborted(readKeys(o.config, o.arrangement, secrets, run.startedAt, o.shared), signal);
    tellOfKeys(keys, hooks);
    logInfo(
      state.arrangement,
      `encrypts as ${keys.encryption.packet} for ${keys.recipients.map(({ fingerprint }) => fingerprint).join(', ')}, signs with ${keys.signer.fingerprint}`,
    );
    const ledger = await Ledger.open(state);
    ledger.warnings.forEach((warning) => hooks.warn(warning, 'act'));
    const newLedger = ledger.created;

    const deposit = await depositThere({ o: { ...o, signal }, state, keys, ledger, run, hooks }, secrets);
    return 'skipped' in deposit ? deposit : { deposit, newLedger };
  } finally {
    // What became of the deposit is what counts. The lock goes with this process.
    await lock.release().catch((error: unknown) => {
      hooks.warn(`the lock could not be released: ${said(error)}; it is free once this process has ended`);
    });
  }
}

/** The push before this one left no run record: it gets one now. */
async function recordKilled(state: ArrangementState, { predecessor }: Lock, run: Run, hooks: PushHooks): Promise<void> {
  if (predecessor === null) return;
  const killed = runnerOf(predecessor);
  const found = await killedRun(state, killed);
  const record = { ...found, hint: run.typed(found.hint) };
  await appendRun(state, record).catch((error: unknown) =>
    hooks.warn(`the record of the push that was killed could not be written: ${(error as Error).message}`, 'act'),
  );
  if (!(await killedNoted(state, killed))) run.afterKilled = record;
}

/** Whoever was not told of the push that was killed hears at once what the one after it came to. */
function tellOfKilled({ afterKilled: killed }: Run, own: RunRecord, hooks: PushHooks): void {
  if (killed === null) return;
  const came =
    own.published === 'yes'
      ? `the push after it deposited ${own.depositId ?? ''}`
      : own.code === 'skipped'
        ? `the push after it had nothing to do: ${own.message ?? ''}`
        : `the push after it failed (${own.exit}): ${own.message ?? ''}`;
  const hint = own.exit === 0 ? 'nothing to do' : own.hint;
  hooks.recorded?.({ ...killed, message: `${killed.message ?? ''}; ${came}`, ...(hint !== undefined && { hint }) });
}

function refuseEnded({ name, ended }: Arrangement, now: Date): void {
  if (ended === undefined || now < ended) return;
  throw new DepotError('arrangement-ended', `the arrangement ended on ${ended.toISOString().slice(0, 10)}`, {
    hint: `remove it from the schedule; once the agent has confirmed the destruction: «depot receipts note ID --destroyed DATE» (arrangement ${name})`,
  });
}

/** Clears what nothing refers to; whether earlier runs left something to settle. */
async function tidy(state: ArrangementState): Promise<boolean> {
  await state.clearTemporary();
  const { records, unreadable } = await readPending(state);
  if (unreadable.length === 0) await clearSpool(state, records);
  return records.length > 0 || unreadable.length > 0;
}

const finishing = {
  flush: 'waiting until the server has it on disk',
  close: 'closing the file',
  rename: 'giving it its name',
};

/** What happens at the agent. */
async function depositThere(context: Omit<PushContext, 'agent'>, secrets: SecretFinder): Promise<Deposit | Skipped> {
  const { o, state, run, hooks } = context;
  hooks.phase('connecting');
  const agent = await connectToAgent(
    { ...o, lanesSeen: await lanesSeen(state), throttle: o.shared?.bandwidth.at(o.arrangement.remote)?.throttle },
    secrets,
    {
      signal: o.signal,
      warn: (message) => hooks.warn(message),
      waiting: (waiting) => hooks.waiting?.(waiting),
      doing: (what) => hooks.phase('finishing', finishing[what]),
      run,
    },
    o.shared?.connections,
  );
  step('connected');
  try {
    return await settleThenDeposit({ ...context, agent });
  } finally {
    Object.assign(run, agent.stats);
    await agent.close();
  }
}

/** First what earlier runs left: one of those may be the deposit of tonight, sealed then and sent only now. */
async function settleThenDeposit(context: PushContext): Promise<Deposit | Skipped> {
  const { resumed, undelivered: earlier } = await settlePending(context);
  const result = await depositOfThisRun(context, resumed);
  const [first] = earlier;
  if (first !== undefined && !('skipped' in result)) {
    throw undelivered(
      result.depositId,
      context.o.arrangement.name,
      `sidecars of ${earlier.map((one) => one.depositId).join(', ')}, an earlier deposit, could not be delivered`,
      first.error,
    );
  }
  return result;
}

async function depositOfThisRun(context: PushContext, resumed: Settled['resumed']): Promise<Deposit | Skipped> {
  const { o, state, run } = context;
  if (resumed !== null) {
    const counts =
      isOfThisRun(o.arrangement, resumed.begunAt, run.startedAt) &&
      (!o.rehearse || resumed.deposit.receipt.rehearsed !== undefined) &&
      isAsAsked(o, resumed.deposit.receipt);
    if (counts) return resumed.deposit;
    run.startAgain();
  } else {
    // What was settled may be young enough now; its receipt is younger than this run.
    const recent = await recentDeposit(state, o, new Date());
    if (recent !== null) return recent;
  }
  return makeDeposit(context);
}

/** Whether what an earlier run sealed is this run's: begun less than half of `every` ago (12 h without it). */
function isOfThisRun({ every }: Arrangement, begunAt: Date, now: Date): boolean {
  const ageMs = now.getTime() - begunAt.getTime();
  return ageMs >= 0 && ageMs < (every ?? dayMs) / 2;
}

/** Gives every error the arrangement's name and what was published; what nobody foresaw becomes a defect. */
async function describing<T>(run: Run, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw run.describe(foreseen(error, signal));
  }
}

/** The receipt is the record that counts; but who looks at run records must hear that one is missing. */
async function keepRecord(state: ArrangementState, record: RunRecord): Promise<void> {
  try {
    await appendRun(state, record);
  } catch (error) {
    if (!isDepotError(error) || record.code === 'skipped') throw error;
    throw new DepotError(
      'receipt-not-written',
      `deposited, but the run record could not be written: ${error.message}`,
      { hint: error.hint ?? 'check the state directory', cause: error },
    );
  }
}
