import type { CommandLine } from './command-line.js';
import type { Logins } from '../push/logins.js';
import type { Notifier } from '../standing/notify.js';
import type { Pinger } from '../standing/ping.js';
import { noticeOf } from '../state/runs.js';
import type { failedToBegin, push as deposit } from '../push/push.js';
import type { PushHooks, PushOutcome } from '../push/push-types.js';
import { clockTime, lastTime } from '../clock.js';
import { logInfo } from '../log.js';
import { keepThreads } from '../threads.js';
import { shardOf } from '../push/shard.js';
import type { SharedByPushes } from '../push/shared.js';
import { copyOf, type DepotError, foreseen, isDepotError, type ErrorDetails } from '../errors.js';
import type { Arrangement, Config } from '../config/types.js';
import { duration } from '../ui/format.js';
import { PushMeter } from '../ui/push-meter.js';
import { pushDocument, pushLines, pushSummary, type PushResult } from '../ui/push.js';
import type { Context } from './context.js';
import { chooseArrangements, configFor, hiddenPrompt } from './deposits.js';
import { clock, durationMs, given, globals, rate, text, usage, type Flags } from './flags.js';
import { rarer } from './help/page.js';
import { listedOn } from './push/listed.js';
import { parseShard, shardFrom } from './push/shard.js';

/** Each may hold 24 MiB of blocks and has a thread: with more of them memory is what limits, not time. */
const mostJobs = 32;

export function pushOptions(names: string[], flags: Flags) {
  const shard = text(flags, 'shard');
  const o = {
    ...globals(flags),
    names,
    all: given(flags, 'all'),
    dryRun: given(flags, 'dryRun'),
    list: given(flags, 'list'),
    rehearse: given(flags, 'rehearse'),
    full: given(flags, 'full'),
    reread: given(flags, 'reread'),
    oneFileSystem: given(flags, 'oneFileSystem'),
    ifOlderThanMs: durationMs(flags, 'ifOlderThan'),
    ifNoneSince: clock(flags, 'ifNoneSince'),
    ifNotRunning: given(flags, 'ifNotRunning'),
    jobs: jobsOf(flags),
    bandwidthLimit: rate(flags, 'bandwidthLimit'),
    shard: shard === undefined ? undefined : parseShard(shard),
  };
  if (o.shard !== undefined && !o.all) throw usage(`--shard ${shard!} needs --all`, 'add --all');
  if (o.list && !o.dryRun) throw usage('--list needs --dry-run', 'add --dry-run');
  if (o.list && (o.jobs ?? 1) > 1) throw usage('--list cannot be used with several jobs', 'leave --jobs out');
  if (o.all && names.length > 0) throw usage(`--all and ${names.join(', ')}: give names or --all, not both`);
  return o;
}
type PushFlags = ReturnType<typeof pushOptions>;

function jobsOf(flags: Flags): number | undefined {
  const value = text(flags, 'jobs');
  if (value === undefined) return undefined;
  const jobs = Number(value);
  if (!/^\d{1,3}$/.test(value) || jobs < 1 || jobs > mostJobs)
    throw usage(`--jobs ${JSON.stringify(value)}: expected a number from 1 to ${mostJobs}`);
  return jobs;
}

export function definePush(parent: CommandLine): void {
  parent
    .command('push')
    .summary('make a deposit')
    .description('Encrypts the data of an arrangement, uploads it, and keeps a signed receipt.')
    .argument('[name...]', 'arrangements; may be left out if there is only one')
    .option('--all', 'all arrangements, even if one of them fails')
    .option('--dry-run', 'read and encrypt, but send and keep nothing')
    .option('--list', 'with --dry-run: list what would be deposited')
    .option('--if-older-than <time>', 'only if the last deposit is older, for example 20h')
    .option('--rehearse', 'open the deposit before publishing, and compare it')
    .option('--jobs <n>', 'push n arrangements at a time; 100 MiB of memory each')
    .option('--bandwidth-limit <rate>', 'for example 5MiB/s, or none; overrides depot.yaml')
    .optionsGroup(rarer)
    .option('--full', 'with incremental: make a full deposit now')
    .option('--reread', 'with incremental: read unchanged files again, too')
    .option('--one-file-system', 'do not read other file systems mounted in a directory')
    .option('--shard <i/n>', 'with --all: only part i of n; one part for each machine')
    .option('--if-none-since <time>', 'only if no deposit was started since, for example 01:30')
    .option('--if-not-running', 'skip an arrangement that another push is depositing')
    .ends(
      [3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 30, 32, 129, 130, 143],
      'depot push acme-crm # make a deposit now',
      'depot push acme-crm --dry-run # is everything there? How large is it?',
      'depot push --all --if-older-than 20h --quiet # from cron',
      'depot push --all --jobs 4 --shard 2/3 # on three machines',
    )
    .runs(pushOptions, push, 'in order');
}

const onTerminalMs = 10_000;
const unattendedMs = 30 * 60_000;

async function push(o: PushFlags, context: Context): Promise<number> {
  const { screen } = context;
  const config = await configFor(o, context);
  const chosen = chooseArrangements(config, o.names, o.all ? 'all' : 'only');
  const all = o.oneFileSystem ? chosen.map(onOneFileSystem) : chosen;
  for (const warning of config.warnings) screen.warn(warning);
  const { arrangements, shard } = o.all ? shardedBy(o, all, context) : { arrangements: all, shard: null };
  const results = await pushEach(o, config, arrangements, all, context);
  const exit = pushExit(results, context.signal);
  screen.done(made(results));
  const summary = pushSummary(results, shard === null ? null : { shard, all: all.length });
  const document = { ...pushDocument(results), ...(shard === null ? {} : { shard }) };
  if (screen.json && exit === 0) screen.result(document, []);
  else if (screen.json) screen.failure(document, []);
  else if (arrangements.length !== 1 || shard !== null) screen.result({}, [summary], exit === 0 ? [] : [summary]);
  if (results.some((r) => 'error' in r && r.begun === false)) screen.hint('run it again: «depot …»');
  if (exit !== 0) tellStray(results, context);
  return exit;
}

/** As if every directory of its dataset had `oneFileSystem: true`. */
function onOneFileSystem(arrangement: Arrangement): Arrangement {
  const dataset = arrangement.dataset.map((source) =>
    source.kind === 'directory' ? { ...source, oneFileSystem: true } : source,
  );
  return { ...arrangement, dataset };
}

/** What nobody caught ends the run, and may have ended none of its deposits: then it stands in none of the results. */
function tellStray(results: readonly PushResult[], { screen, signal }: Context): void {
  const reason: unknown = signal.reason;
  if (
    !isDepotError(reason, 'internal') ||
    results.some((r) => 'error' in r && r.error.message.includes(reason.message))
  )
    return;
  screen.late(reason);
}

function shardedBy(
  o: PushFlags,
  all: Arrangement[],
  { env, screen }: Context,
): { arrangements: Arrangement[]; shard: string | null } {
  const found = o.shard ?? shardFrom(env);
  if (found === null) return { arrangements: all, shard: null };
  const shard = `${found.index}/${found.of}`;
  if ('by' in found) screen.note(`shard ${shard} of the arrangements, by ${String(found.by)}`);
  return { arrangements: all.filter(({ name }) => shardOf(name, found.of) === found.index), shard };
}

/** There is one standard input: names of arrangements that read it, when they are several. */
function sharingStdin(o: PushFlags, arrangements: readonly Arrangement[]): string[] {
  const readers = arrangements
    .filter((one) => one.dataset.some(({ kind }) => kind === 'stdin') && !(o.all && hasEnded(one)))
    .map(({ name }) => name);
  return readers.length > 1 ? readers : [];
}

function sharedStdin(readers: readonly string[]): DepotError {
  return usage(`${readers.join(', ')} all read standard input`, 'push one at a time');
}

/** So many of those that were not begun are recorded at a time: that takes the disk a moment each, and whoever sent the signal waits. */
const recordsAtOnce = 16;

/** A result for each arrangement, in their order; also for those that a signal kept from beginning. */
async function pushEach(
  o: PushFlags,
  config: Config,
  arrangements: readonly Arrangement[],
  all: readonly Arrangement[],
  context: Context,
): Promise<PushResult[]> {
  const { inJobs, SharedByPushes } = await import('../push/shared.js');
  const { BandwidthLimits } = await import('../push/limits.js');
  const { Notifier } = await import('../standing/notify.js');
  const { Pinger } = await import('../standing/ping.js');
  const { Logins } = await import('../push/logins.js');
  const { failedToBegin, push: deposit } = await import('../push/push.js');
  const { screen, signal } = context;
  const instead = o.bandwidthLimit === undefined ? undefined : { spans: [], otherwise: o.bandwidthLimit };
  const shared = new SharedByPushes(new BandwidthLimits(arrangements, instead));
  const told = {
    warn: (message: string, weight?: 'act') => {
      screen.warn(message, weight);
    },
  };
  const notifier = new Notifier(config, told);
  const pinger = new Pinger(config, told);
  const jobs = o.jobs ?? 1;
  const meter = new PushMeter(() => (o.list ? Promise.resolve(null) : screen.progress()), arrangements.length, jobs);
  const logins = Logins.of(config, all);
  // It is awaited by each push, and by none where there is none.
  logins.catch(() => undefined);
  const since = o.ifNoneSince === undefined ? undefined : lastTime(o.ifNoneSince, new Date());
  const sharing = sharingStdin(o, arrangements);
  if (!o.all && sharing.length > 0) throw sharedStdin(sharing);
  // With --all it is no reason to keep the others from their deposits.
  const deposits: typeof deposit = (options, hooks) =>
    sharing.includes(options.arrangement.name) ? Promise.reject(sharedStdin(sharing)) : deposit(options, hooks);
  const advised = new Set<string>();
  const one = async (arrangement: Arrangement): Promise<PushResult> => {
    const result =
      o.all && hasEnded(arrangement)
        ? ended(arrangement)
        : await pushOne(
            o,
            config,
            arrangement,
            { logins, shared, meter, notifier, pinger, since, deposit: deposits, failedToBegin },
            context,
          );
    meter.ended(arrangement.name);
    screen.eventsOf(arrangement.name)?.ended('error' in result ? result.error.code : null);
    if (screen.json) return result;
    if ('outcome' in result) screen.result({}, pushLines(result.outcome, arrangement));
    else {
      const { error } = result;
      const advice = `${error.code} ${error.hint ?? ''}`;
      // One cause can fail many of them: what to do about it is said once.
      if (advised.has(advice)) error.hint = undefined;
      advised.add(advice);
      screen.error(error, context.env.DEPOT_DEBUG === '1');
    }
    return result;
  };
  const endThreads = arrangements.length > 1 ? keepThreads() : undefined;
  try {
    const begun = await inJobs(arrangements, jobs, (arrangement) =>
      signal.aborted ? Promise.resolve(null) : one(arrangement),
    );
    return await inJobs(
      arrangements.map((arrangement, i) => ({ arrangement, result: begun[i] ?? null })),
      recordsAtOnce,
      ({ arrangement, result }) => (result === null ? one(arrangement) : Promise.resolve(result)),
    );
  } finally {
    meter.stop();
    await shared.close();
    await endThreads?.();
    await Promise.all([notifier.finish(), pinger.finish().then(() => pinger.note(config.state.path))]);
  }
}

/** Who pushes all of them every night has not asked for this one: no failure, and no run. */
function hasEnded({ ended }: Arrangement): boolean {
  return ended !== undefined && new Date() >= ended;
}

function ended({ name, ended: at }: Arrangement): PushResult {
  const skipped = `the arrangement ended on ${at!.toISOString().slice(0, 10)}`;
  return { arrangement: name, outcome: { skipped, because: 'ended' } };
}

interface PushRun {
  logins: Promise<Logins>;
  shared: SharedByPushes;
  meter: PushMeter;
  notifier: Notifier;
  pinger: Pinger;
  /** The same for all of them, however long the ones before it took. */
  since: Date | undefined;
  deposit: typeof deposit;
  failedToBegin: typeof failedToBegin;
}

/** Throws nothing: what fails in one arrangement's push must not stop the others. */
async function pushOne(
  o: PushFlags,
  config: Config,
  arrangement: Arrangement,
  run: PushRun,
  context: Context,
): Promise<PushResult> {
  const { screen, env, signal } = context;
  const { name } = arrangement;
  const prompt = hiddenPrompt(context);
  const { retryFor } = arrangement.remote;
  // Who begins a push and has no VPN wants to hear of it at once. What was begun is worth waiting for, day and night.
  const connectForMs = retryFor ?? (screen.stderr.isTTY ? onTerminalMs : unattendedMs);
  const begun = !signal.aborted;
  const seen: { recorded: boolean; lostAt: Date | null } = { recorded: false, lostAt: null };
  const events = screen.eventsOf(name);
  const limits = run.shared.bandwidth.at(arrangement.remote)?.limits ?? [];
  const hooks: PushHooks = {
    warn: (message, weight) => {
      screen.warn(message, weight, name);
    },
    phase: (phase, doing) => {
      logInfo(name, `phase ${phase}${doing === undefined ? '' : `, ${doing}`}`);
      events?.phase(phase, doing);
      run.meter.phase(name, doing === undefined ? phase : `${phase}: ${doing}`);
    },
    progress: (p) => {
      events?.update({ ...p, limits });
      run.meter.progress({ ...p, limits });
    },
    ...(o.list && { listed: listedOn(screen, name) }),
    typed: (hint) => screen.typed(hint),
    begun: () => run.pinger.began(name),
    waiting: (waiting) => {
      events?.waiting(waiting);
      const shown = waiting && { ...waiting, since: clockTime(waiting.since), until: clockTime(waiting.until) };
      run.meter.waiting(name, shown);
      if (waiting === null && seen.lostAt !== null)
        screen.note(
          `${name}: connected again, after ${duration(Date.now() - seen.lostAt.getTime())}; the upload continues`,
        );
      seen.lostAt = waiting?.isLost === true ? waiting.since : null;
    },
    recorded: (record, because) => {
      seen.recorded = true;
      const notice = noticeOf(record);
      // Nobody looks at a quiet run, so this must be heard. A person who makes a first deposit need not be alarmed.
      if (notice !== null && screen.quiet) screen.warn(notice, 'act', name);
      const { exit, code, published, depositId, seconds } = record;
      logInfo(
        name,
        `the run ends after ${seconds} s: exit ${exit}${code === null ? '' : ` (${code})`}, published: ${published}, deposit: ${depositId ?? 'none'}`,
      );
      // Whoever pushes at a terminal sees it, and nothing has failed: another push is making the deposit.
      if (record.code === 'locked' && screen.stderr.isTTY) return;
      run.notifier.tell(record);
      // A monitor hears of this push at once: of the one before it, that would only be a false alarm.
      if (record.code !== 'killed') run.pinger.ended(record, because);
    },
  };
  const place = { arrangement, stateDirectory: config.state.path };
  try {
    await run.meter.begin();
    const outcome: PushOutcome = await run.deposit(
      {
        ...place,
        config,
        dryRun: o.dryRun,
        logins: await run.logins,
        shared: run.shared,
        env,
        signal,
        retryForMs: retryFor ?? unattendedMs,
        connectForMs,
        rehearse: o.rehearse,
        full: o.full,
        reread: o.reread,
        ...(o.ifOlderThanMs === undefined ? {} : { ifOlderThanMs: o.ifOlderThanMs }),
        ...(run.since === undefined ? {} : { ifNoneSince: run.since }),
        ifNotRunning: o.ifNotRunning,
        ...(prompt === undefined ? {} : { prompt }),
        ...(run.meter.detailed || events !== null ? { measure: true } : {}),
      },
      hooks,
    );
    return { arrangement: name, outcome };
  } catch (thrown) {
    const error =
      seen.recorded || o.dryRun
        ? foreseen(thrown, signal)
        : await run.failedToBegin(place, copyOf(thrown), signal, hooks);
    error.arrangement ??= name;
    if (begun) return { arrangement: name, error };
    // It is the same for all of them, and said once.
    error.hint = undefined;
    return { arrangement: name, error, begun };
  }
}

/** What stands even if nobody can be told of it. */
function made(results: readonly PushResult[]): ErrorDetails {
  const ids = results.flatMap((r) => ('outcome' in r && 'deposit' in r.outcome ? [r.outcome.deposit.depositId] : []));
  const [id] = ids;
  if (id === undefined) return {};
  if (ids.length === 1)
    return {
      published: 'yes',
      depositId: id,
      hint: `the deposit was made; to see it: «depot receipts show ${id}»`,
    };
  return { published: 'yes', hint: `the ${ids.length} deposits were made; to see them: «depot receipts list»` };
}

/** The only arrangement's own status; of several that of the signal that stopped one of them; then 4 for some of many. */
function pushExit(results: readonly PushResult[], { reason }: AbortSignal): number {
  const failed = results.flatMap((r) => ('error' in r ? [r.error] : []));
  if (failed.length === 0) return 0;
  if (results.length === 1) return failed[0]!.exit;
  return isDepotError(reason) && failed.some(({ code }) => code === reason.code) ? reason.exit : 4;
}
