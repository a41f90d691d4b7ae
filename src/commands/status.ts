import type { Command } from 'commander';
import type { Arrangement } from '../config/types.js';
import { printable } from '../printable.js';
import type { LastDeposit } from '../receipt/list.js';
import type { RunRecord } from '../receipt/runs.js';
import { age, localTime, table } from '../ui/format.js';
import type { Context, GlobalOptions, Start } from './context.js';
import { chooseArrangements, configFor } from './deposits.js';
import { durationMs, globals, type Flags } from './flags.js';
import { exitMeanings, helpEnd } from './help.js';

export interface StatusFlags extends GlobalOptions {
  names: string[];
  maxAgeMs: number | undefined;
}

export function statusOptions(names: string[], flags: Flags): StatusFlags {
  return { ...globals(flags), names, maxAgeMs: durationMs(flags, 'maxAge') };
}

export function defineStatus(parent: Command, start: Start): void {
  parent.command('status')
    .summary('last deposit and last run of each arrangement; exit 31 when stale')
    .description('One line an arrangement. Stale is a last deposit older than 1.25 × every, or than --max-age.')
    .argument('[name...]', 'arrangements; without one, all')
    .option('--max-age <time>', 'stale when the last deposit is older than this (26h)')
    .addHelpText('after', helpEnd([
      ['depot status', 'how are we doing?'],
      ['depot status --max-age 26h --quiet', 'for a monitor: speaks only when stale'],
    ], [5, 10, 31]))
    .action((names: string[], _: unknown, command: Command) => start(statusOptions(names, command.optsWithGlobals()), status));
}

/** What is known of one arrangement at one moment. */
export interface Standing {
  arrangement: string;
  lastDeposit: LastDeposit | null;
  lastRun: RunRecord | null;
  ageMs: number | null;
  everyMs: number | null;
  ended: boolean;
  stale: boolean;
}

const lateness = 1.25;

/** Never stale: an ended arrangement, and one of which nobody said how often. Never deposited is stale. */
export function standingOf(a: Pick<Arrangement, 'name' | 'everyMs' | 'ended'>, last: { deposit: LastDeposit | null; run: RunRecord | null }, maxAgeMs: number | undefined, now: Date): Standing {
  const ageMs = last.deposit === null ? null : Math.max(0, now.getTime() - Date.parse(last.deposit.finishedAt));
  const allowed = maxAgeMs ?? (a.everyMs === undefined ? undefined : a.everyMs * lateness);
  const ended = a.ended !== undefined && now >= a.ended;
  return {
    arrangement: a.name, lastDeposit: last.deposit, lastRun: last.run, ageMs, everyMs: a.everyMs ?? null, ended,
    stale: !ended && allowed !== undefined && (ageMs === null || ageMs > allowed),
  };
}

const staleExit = 31;

async function status(o: StatusFlags, context: Context): Promise<number> {
  const { lastDeposit } = await import('../receipt/list.js');
  const { lastRun } = await import('../receipt/runs.js');
  const { ArrangementState } = await import('../receipt/state.js');
  const config = await configFor(o, context);
  const now = new Date();
  const standings: Standing[] = [];
  for (const arrangement of chooseArrangements(config, o.names, 'all')) {
    const state = new ArrangementState(config.state.path, arrangement.name);
    standings.push(standingOf(arrangement, { deposit: await lastDeposit(state), run: await lastRun(state) }, o.maxAgeMs, now));
  }
  const stale = standings.some((s) => s.stale);
  const document = {
    ok: !stale, config: config.path, state: config.state.path,
    arrangements: standings.map(({ ageMs, everyMs, ...s }) => ({ ...s, ageSeconds: seconds(ageMs), everySeconds: seconds(everyMs) })),
  };
  const lines = statusLines(standings, { config: config.path, state: config.state.path });
  if (stale) context.screen.failure(document, lines);
  else context.screen.result(document, lines);
  return stale ? staleExit : 0;
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms / 1000);
}

export function statusLines(standings: readonly Standing[], paths: { config: string; state: string }): string[] {
  return [
    ...table([
      ['ARRANGEMENT', 'LAST DEPOSIT', 'AGE', 'EVERY', 'LAST RUN'],
      ...standings.map((s) => [
        s.arrangement,
        s.lastDeposit === null ? 'never' : localTime(new Date(s.lastDeposit.finishedAt)),
        `${s.ageMs === null ? '–' : age(s.ageMs)}${s.stale ? '!' : ''}`,
        s.ended ? 'ended' : s.everyMs === null ? '–' : age(s.everyMs),
        s.lastRun === null ? 'never' : runText(s.lastRun),
      ]),
    ]),
    '',
    `configuration ${printable(paths.config)}, state ${printable(paths.state)}`,
  ];
}

/** `failed 2026-11-23 02:00, 14 server not reachable`. */
function runText(run: RunRecord): string {
  const at = localTime(new Date(run.finishedAt)).slice(0, 16);
  if (run.code === 'skipped') return `skipped ${at}`;
  if (run.exit === 0) return `deposited ${at}`;
  const meaning = exitMeanings[run.exit]?.replace(/ \(.*\)$|[:,].*$/, '') ?? '';
  return `failed ${at}, ${run.exit} ${meaning}`;
}
