import type { CommandLine } from './command-line.js';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config/types.js';
import type { KeyStanding, Standing } from '../standing/standing.js';
import { errorCode } from '../durable-file.js';
import { isDepotError } from '../errors.js';
import { isReadOnlyMount } from '../permissions.js';
import { exitStatus, shortMeaning } from '../texts/exits.js';
import { printable } from '../printable.js';
import { isMounted } from '../shell.js';
import { parseDepositId } from '../names/deposit.js';
import type { RunRecord } from '../state/runs.js';
import { age, counted, localTime, shortFingerprint, table, widthOf } from '../ui/format.js';
import type { Hanging, Line } from '../ui/wrap.js';
import type { Context } from './context.js';
import { chooseArrangements, configFor } from './deposits.js';
import { minute, remarks } from './status/remarks.js';
import { durationMs, given, globals, isJson, text, usage, type Flags } from './flags.js';

export function statusOptions(names: string[], flags: Flags) {
  const o = {
    ...globals(flags),
    names,
    maxAgeMs: durationMs(flags, 'maxAge'),
    prometheus: given(flags, 'prometheus'),
    out: text(flags, 'out'),
  };
  if (o.out !== undefined && !o.prometheus) throw usage('--out needs --prometheus', 'add --prometheus');
  if (o.prometheus && isJson(flags)) throw usage('--prometheus and --json contradict each other');
  return o;
}
type StatusFlags = ReturnType<typeof statusOptions>;

export function defineStatus(parent: CommandLine): void {
  parent
    .command('status')
    .summary('last deposit, last run')
    .description(
      'Shows one line for each arrangement, and what needs attention. An arrangement is stale if its last deposit is older than 1.25 × every, or than --max-age, or is dated in the future. Exit 31: one is stale, or its last push was killed. Exit 32: the records have a problem.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--max-age <time>', 'stale if the last deposit is older, for example 26h')
    .option('--prometheus', 'print metrics for Prometheus; exit 0 even if one is stale')
    .option('--out <file>', 'with --prometheus: write them to this file')
    .ends(
      [5, 10, 24, 31, 32],
      'depot status # how are we doing?',
      'depot status --max-age 26h --quiet # silent unless something is wrong',
      'depot status --prometheus --out /var/lib/node_exporter/depot.prom # for node_exporter',
    )
    .runs(statusOptions, status, 'at once');
}

const staleExit = 31;
const brokenExit = 32;

async function status(o: StatusFlags, context: Context): Promise<number> {
  if (o.prometheus) return metrics(o, context);
  const { config, standings } = await gather(o, context);
  const there = await isThere(config);
  const bad = standings.some((s) => s.stale || s.underWay.killed !== null);
  const paths = { config: config.path, state: config.state.path };
  const exit = bad
    ? staleExit
    : standings.some(({ problems }) => problems.length > 0)
      ? brokenExit
      : there
        ? 0
        : exitStatus.incomplete;
  const document = { ok: exit === 0, ...paths, arrangements: standings.map(standingDocument) };
  const readOnly = await readOnlyLines(config);
  const lines = [
    ...statusLines(standings, paths, { columns: widthOf(context.stdout) }),
    ...(await nothingThere(config)),
    ...readOnly,
  ];
  if (exit !== 0) context.screen.failure(document, lines);
  else
    context.screen.result(document, lines, [...attentionLines(standings, { few: true, now: new Date() }), ...readOnly]);
  await notify(config, standings, context);
  return exit;
}

/** Where there is nothing, nothing is known, however well everything looks. */
function isThere(config: Config): Promise<boolean> {
  return stat(config.state.path).then(
    () => true,
    (error: unknown) => (error as NodeJS.ErrnoException).code !== 'ENOENT',
  );
}

/** Nothing was ever recorded here; or what was lies on a file system that is not mounted. */
async function nothingThere({ state }: Config): Promise<Line[]> {
  const names = await readdir(state.path).catch(errorCode);
  const place = printable(state.path);
  const never = `no push has run here yet, or name another one with --state; if pushes did run: ${isMounted(state.path)}`;
  if (names === 'ENOENT') return [{ text: `there is no state directory ${place}: ${never}`, hang: 2 }];
  return names?.length === 0 ? [{ text: `the state directory ${place} is empty: ${never}`, hang: 2 }] : [];
}

async function readOnlyLines({ state }: Config): Promise<Line[]> {
  if (!(await isReadOnlyMount(state.path))) return [];
  const text = `${printable(state.path)} is on a read-only file system: runs cannot be recorded, and the last ones may be missing here`;
  return [{ text, hang: 2 }];
}

/** A person who looks at it on a terminal needs no message about it. */
async function notify(config: Config, standings: readonly Standing[], { screen }: Context): Promise<void> {
  if (screen.interactive) return;
  const told = {
    warn: (message: string, weight?: 'act') => {
      screen.warn(message, weight);
    },
    typed: (hint: string) => screen.typed(hint),
  };
  const telling: Promise<void>[] = [];
  if (config.notify !== undefined) {
    const { notifyOfStandings } = await import('../standing/notify.js');
    telling.push(notifyOfStandings(config, standings, new Date(), told));
  }
  if (config.ping !== undefined) {
    const { pingOfStandings } = await import('../standing/ping.js');
    telling.push(pingOfStandings(config, standings, told));
  }
  await Promise.all(telling);
}

async function gather(o: StatusFlags, context: Context): Promise<{ config: Config; standings: Standing[] }> {
  const { gatherStandings } = await import('../standing/standing.js');
  const config = await configFor(o, context);
  return {
    config,
    standings: await gatherStandings(config, chooseArrangements(config, o.names, 'all'), {
      maxAgeMs: o.maxAgeMs,
      now: new Date(),
    }),
  };
}

/** Who collects metrics looks at the metrics: that they could not be gathered is one of them, and no exit status. */
async function metrics(o: StatusFlags, context: Context): Promise<number> {
  const { prometheusText } = await import('../ui/prometheus.js');
  let found: { config: Config; standings: Standing[] } | null = null;
  try {
    found = await gather(o, context);
  } catch (error) {
    if (!isDepotError(error) || error.code === 'usage') throw error;
    context.screen.error(error);
  }
  const shown = prometheusText(found?.standings ?? null, { readable: found !== null && (await isThere(found.config)) });
  if (o.out === undefined) {
    context.screen.print(shown);
  } else {
    const { writeFileAtomic } = await import('../durable-file.js');
    // For the collector's account to read; nothing in it is secret.
    await writeFileAtomic(path.resolve(context.cwd, o.out), shown, 0o644);
  }
  if (found !== null) await notify(found.config, found.standings, context);
  return 0;
}

function standingDocument({ ageMs, everyMs, allowedMs, keys, ...s }: Standing): object {
  return { ...s, ageSeconds: seconds(ageMs), everySeconds: seconds(everyMs), allowedSeconds: seconds(allowedMs), keys };
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms / 1000);
}

/** Keys are shown when one of them ends: the column is not there where none has an expiry. */
export function statusLines(
  standings: readonly Standing[],
  paths: { config: string; state: string },
  { now = new Date(), columns = Infinity }: { now?: Date; columns?: number } = {},
): Line[] {
  const expiries = standings.map((s) => (s.ended ? null : nextExpiry(s)));
  const withKeys = expiries.some((expiry) => expiry !== null);
  const withProofs = standings.some((s) => s.proven !== null);
  const stale = standings.filter((s) => s.stale).length;
  const few = standings.length < many;
  const rows = (form: RunForm): Hanging[] =>
    table([
      [
        'ARRANGEMENT',
        'LAST DEPOSIT',
        'AGE',
        'EVERY',
        ...(withKeys ? ['KEY EXPIRES'] : []),
        ...(withProofs ? ['PROVEN'] : []),
        'LAST RUN',
      ],
      ...standings.map((s, i) => [
        s.arrangement,
        s.lastDeposit === null ? 'never' : localTime(new Date(s.lastDeposit.finishedAt)),
        `${s.ageMs === null ? '–' : age(s.ageMs)}${s.stale ? '!' : ''}`,
        s.ended ? 'ended' : s.everyMs === null ? '–' : age(s.everyMs),
        ...(withKeys ? [expiryText(expiries[i] ?? null, now)] : []),
        ...(withProofs ? [provenText(s)] : []),
        lastRunText(s, form),
      ]),
    ]);
  const fitting = runForms.map(rows).find((lines) => lines.every(({ text }) => text.length <= columns));
  return [
    ...(fitting ?? rows('short')),
    ...attentionLines(standings, { few, now }),
    ...(few ? standings.flatMap(lastsFor) : []),
    ...(few || stale === 0
      ? []
      : ['! after an age: stale (older than 1.25 × every or than --max-age, or never deposited)']),
    '',
    ...(few ? [] : [`${counted(standings.length, 'arrangement')}, ${stale} stale`]),
    `configuration ${printable(paths.config)}, state ${printable(paths.state)}`,
  ];
}

/** The supplier may be gone tomorrow: what then opens, and until when. */
function lastsFor({ arrangement, chain, ended }: Standing): Line[] {
  if (chain === null || ended || chain.late || chain.opensForMs === null || chain.lost) return [];
  const { number, fullAt, opensForMs } = chain;
  const which =
    number === 0 ? 'a full deposit' : `increment ${number} since the full deposit of ${fullAt.slice(0, 10)}`;
  return [
    {
      text: `${arrangement}: the last deposit is ${which}; if no other follows, it can be opened for ${age(opensForMs)} more`,
      hang: 2,
    },
  ];
}

/** `2026-11-22 by Gemeente Voorbeeld`: the newest deposit that a beneficiary's key was shown to open, by its own date. */
function provenText({ proven }: Standing): string {
  if (proven === null) return '–';
  const deposited = localTime(parseDepositId(proven.depositId)!.at).slice(0, 10);
  return proven.selfAttested
    ? `${deposited} self-attested`
    : `${deposited} by ${printable(proven.beneficiary ?? shortFingerprint(proven.keyFingerprint))}`;
}

/** More lines than a screen has: then a sum at the end. */
const many = 20;
const dayMs = 24 * 3600 * 1000;
/** From here on a push warns too. */
const soonMs = 30 * dayMs;

function nextExpiry({ keys }: Standing): string | null {
  return (
    keys
      .map((key) => key.expiresAt)
      .filter((at) => at !== null)
      .sort()[0] ?? null
  );
}

function expiryText(expiresAt: string | null, now: Date): string {
  if (expiresAt === null) return '–';
  return `${expiresAt.slice(0, 10)}${isSoon(expiresAt, now) ? '!' : ''}`;
}

/** How much is said of the last run; a failure has a sentence below the table, too. */
const runForms = ['full', 'timed', 'short'] as const;
type RunForm = (typeof runForms)[number];

/** A push that was killed left no run record; one that runs has none yet. */
function lastRunText({ lastRun, underWay: { running, killed } }: Standing, form: RunForm): string {
  const at = (time: string): string => (form === 'full' ? minute(time) : minute(time).slice(0, 16));
  if (running !== null) return form === 'short' ? 'running' : `running since ${at(running.since)}`;
  if (killed !== null) return form === 'short' ? 'killed' : `killed, started ${at(killed.since)}`;
  return lastRun === null ? 'never' : runText(lastRun, form);
}

/** What needs a sentence. Of many arrangements only what the table does not say has one, unless there is no table. */
function attentionLines(standings: readonly Standing[], { few, now }: { few: boolean; now: Date }): Line[] {
  const lines = [
    ...standings.flatMap((s) => remarks(s, few).map((line) => `${s.arrangement}: ${line}`)),
    ...(few ? keyLines(standings, now) : []),
  ];
  // A message and its hint may have lines of their own.
  return lines.map((text) => ({ text: text.replace(/\s*\n\s*/g, '; '), hang: 2 }));
}

/** A key that expires soon is said once, however many arrangements need it. */
function keyLines(standings: readonly Standing[], now: Date): string[] {
  const soon = new Map<string, { key: KeyStanding; expiresAt: string; names: Set<string> }>();
  for (const { arrangement, ended, keys } of standings) {
    for (const key of keys) {
      if (ended || key.expiresAt === null || !isSoon(key.expiresAt, now)) continue;
      const id = `${key.role} ${key.fingerprint ?? key.name}`;
      const found = soon.get(id) ?? { key, expiresAt: key.expiresAt, names: new Set() };
      soon.set(id, { ...found, names: found.names.add(arrangement) });
    }
  }
  return [...soon.values()].map(({ key, expiresAt, names: [first = '', ...others] }) => {
    const days = Math.floor((Date.parse(expiresAt) - now.getTime()) / dayMs);
    const whose = `the key of ${printable(key.name)}${key.fingerprint === null ? '' : ` (${shortFingerprint(key.fingerprint)})`}`;
    return `${first}${others.length === 0 ? '' : ` and ${others.length} more`}: ${whose} ${days < 0 ? 'expired' : 'expires'} on ${expiresAt.slice(0, 10)}${days < 0 ? '' : days === 0 ? ', within a day' : `, in ${counted(days, 'day')}`}`;
  });
}

function isSoon(expiresAt: string, now: Date): boolean {
  return Date.parse(expiresAt) - now.getTime() <= soonMs;
}

/** `failed 2026-11-23 02:00, 14 server not reachable`; `failed 2026-11-23 02:00 (14)`; `failed 14`. */
function runText(run: RunRecord, form: RunForm): string {
  const whole = localTime(new Date(run.finishedAt));
  const at = form === 'short' ? '' : ` ${form === 'full' ? whole : whole.slice(0, 16)}`;
  if (run.code === 'skipped') return `skipped${at}`;
  if (run.exit === 0) return `deposited${at}`;
  if (run.code === 'killed') return form === 'short' ? 'killed' : `killed, last seen${at}`;
  if (form === 'full') return `failed${at}, ${run.exit} ${shortMeaning(run.exit)}`;
  return form === 'timed' ? `failed${at} (${run.exit})` : `failed ${run.exit}`;
}
