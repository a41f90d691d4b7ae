import { hostname } from 'node:os';
import { run } from '../child.js';
import type { Config, NotifyEvent } from '../config/types.js';
import { DepotError, isDepotError } from '../errors.js';
import { logInfo } from '../log.js';
import { timestamp } from '../names/deposit.js';
import { killedNoted, noteKilled, noteStaleness, stalenessNoted } from '../state/notified.js';
import type { RunRecord } from '../state/runs.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { killedRun, nothingDone, type Runner } from '../state/underway.js';
import type { Warn } from '../warning.js';
import { lateWords, type Standing } from './standing.js';

/** How long a notification may take; and how long, after all deposits, the notifications may still go on together. */
const limitMs = 10_000;
/** Notifications at a time: a night in which everything fails starts no thousand processes. */
const atOnce = 4;

export interface NotifyHooks {
  warn: Warn;
}

/** A run that skipped has nothing to tell. A dataset that shrank is one, whether it was deposited or refused. */
function eventsOf({ code, dataset }: RunRecord): NotifyEvent[] {
  if (code === 'skipped') return [];
  const shrank = dataset?.shrunk === true || code === 'source-shrunk';
  return [
    code === null ? 'success' : code === 'stale' || code === 'killed' ? code : 'failure',
    ...(shrank ? (['shrink'] as const) : []),
  ];
}

/** A push that was killed has failed, too. */
function wants({ notify }: Config, event: NotifyEvent): boolean {
  return notify !== undefined && (notify.on.includes(event) || (event === 'killed' && notify.on.includes('failure')));
}

/** Hands run records to `notify.command` as they come. Nothing waits for it until `finish`; nothing fails with it. */
export class Notifier {
  readonly #config: Config;
  readonly #hooks: NotifyHooks;
  readonly #waiting: RunRecord[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #late = new AbortController();
  #dropped = 0;

  constructor(config: Config, hooks: NotifyHooks) {
    this.#config = config;
    this.#hooks = hooks;
  }

  /** Begins to tell it, where the configuration wants it told. */
  tell(record: RunRecord): void {
    if (!eventsOf(record).some((event) => wants(this.#config, event))) return;
    this.#waiting.push(record);
    this.#next();
  }

  #next(): void {
    while (this.#running.size < atOnce && this.#waiting.length > 0) {
      const record = this.#waiting.shift()!;
      const told: Promise<void> = deliver(this.#config, record, this.#late.signal)
        .catch((error: unknown) => {
          if (this.#late.signal.aborted) this.#dropped++;
          else this.#hooks.warn(`${record.arrangement}: notify.command failed: ${(error as Error).message}`, 'act');
        })
        .finally(() => {
          this.#running.delete(told);
          this.#next();
        });
      this.#running.add(told);
    }
  }

  /** Waits for what was begun, for a bounded time: when this process ends, a service manager ends what it started. */
  async finish(): Promise<void> {
    if (this.#running.size === 0) return;
    const timer = setTimeout(() => {
      this.#dropped += this.#waiting.splice(0).length;
      this.#late.abort(new DepotError('interrupted', 'no time was left'));
    }, limitMs);
    while (this.#running.size > 0) await Promise.all(this.#running);
    clearTimeout(timer);
    if (this.#dropped > 0)
      this.#hooks.warn(`notify.command took too long: ${this.#dropped} of its calls were stopped or not made`, 'act');
  }
}

async function deliver(config: Config, record: RunRecord, signal: AbortSignal): Promise<void> {
  logInfo(record.arrangement, `notify.command is told: ${record.code ?? 'success'}`);
  await run(config.notify!.command, {
    label: 'notify.command',
    code: 'source-failed',
    timeoutCode: 'source-timed-out',
    env: process.env,
    directory: config.directory,
    input: `${JSON.stringify(record)}\n`,
    timeoutMs: limitMs,
    graceMs: 1000,
    signal,
  });
  logInfo(record.arrangement, 'notify.command succeeded');
}

/** Tells of each killed push once, and of a stale arrangement once for each `every` (a day without it). */
export async function notifyOfStandings(
  config: Config,
  standings: readonly Standing[],
  now: Date,
  hooks: NotifyHooks,
): Promise<void> {
  for (const standing of standings) {
    try {
      if (standing.underWay.killed !== null && wants(config, 'killed'))
        await tellOfKilled(config, standing.arrangement, standing.underWay.killed, now);
      if (standing.stale && wants(config, 'stale')) await tellOfStale(config, standing, now, hooks);
    } catch (error) {
      if (!isDepotError(error)) throw error;
      const hint = error.hint === undefined ? '' : `; ${error.hint}`;
      const message =
        error.code === 'state-insecure'
          ? `nobody was notified, and no note of it was kept: ${error.message}${hint}`
          : error.message;
      hooks.warn(`${standing.arrangement}: ${message}`, 'act');
      // What hangs or is not there once is so for the others too: they are told of at the next look.
      if (error.code === 'source-timed-out') return;
    }
  }
}

async function tellOfKilled(config: Config, arrangement: string, killed: Runner, now: Date): Promise<void> {
  const state = await ArrangementState.forNotes(config.state.path, arrangement);
  if (state === null || (await killedNoted(state, killed))) return;
  await deliver(config, killedRun(arrangement, killed), new AbortController().signal);
  await noteKilled(state, killed, timestamp(now));
}

/** Without a note it tells of it at every look: too often is better than never. */
async function tellOfStale(config: Config, standing: Standing, now: Date, { warn }: NotifyHooks): Promise<void> {
  const state = await ArrangementState.forNotes(config.state.path, standing.arrangement);
  const depositId = standing.lastDeposit?.depositId ?? null;
  if (state === null) {
    await deliver(config, staleRecord(standing, now), new AbortController().signal);
    warn(
      `${standing.arrangement}: notify.command was told, and will be told at every check, since there is no state directory ${config.state.path} to keep a note in`,
      'act',
    );
    return;
  }
  if (await stalenessNoted(state, { depositId, since: new Date(now.getTime() - (standing.everyMs ?? dayMs)), now }))
    return;
  await deliver(config, staleRecord(standing, now), new AbortController().signal);
  await noteStaleness(state, { depositId, notifiedAt: timestamp(now) });
}

const dayMs = 24 * 3600 * 1000;

/** In the form of a run record, but of no run: nothing was begun. */
function staleRecord(standing: Standing, now: Date): RunRecord {
  return {
    schema: 'depot.run/1',
    arrangement: standing.arrangement,
    startedAt: timestamp(now),
    finishedAt: timestamp(now),
    exit: 31,
    code: 'stale',
    message: lateWords(standing),
    published: 'no',
    ...nothingDone,
    seconds: 0,
    host: hostname(),
  };
}
