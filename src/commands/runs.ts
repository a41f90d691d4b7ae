import type { CommandLine } from './command-line.js';
import { printable } from '../printable.js';
import type { PastRun } from '../state/history.js';
import { exitStatus } from '../texts/exits.js';
import { widthOf } from '../ui/format.js';
import type { Context } from './context.js';
import { given, globals, text, usage, type Flags } from './flags.js';
import { periodOf, within } from './period.js';

/** As many as a screen has lines for. */
const screenful = 20;
const mostRuns = 100_000;

export function runsOptions(names: string[], flags: Flags) {
  return { ...globals(flags), names, failed: given(flags, 'failed'), ...periodOf(flags), last: lastOf(flags) };
}
type RunsFlags = ReturnType<typeof runsOptions>;

/** Undefined when it was not given. */
function lastOf(flags: Flags): number | undefined {
  const value = text(flags, 'last');
  if (value === undefined) return undefined;
  const last = Number(value);
  if (!/^\d{1,6}$/.test(value) || last < 1 || last > mostRuns)
    throw usage(`--last ${JSON.stringify(value)}: expected a number from 1 to ${mostRuns}`);
  return last;
}

export function defineRuns(parent: CommandLine): void {
  parent
    .command('runs')
    .summary('results of past pushes')
    .description(
      'Lists the runs of depot push, newest first: when each started, how long it took, and its deposit or why there is none. Includes runs that are still going or were killed. Changes nothing and connects to no server.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--last <n>', `how many runs to show (default: ${screenful}; with --from or --to, all)`)
    .option('--failed', 'only runs that failed or were killed, with the whole message and what to do')
    .option('--from <date>', 'started on this day or later, for example 2026-11-01')
    .option('--to <date>', 'started on this day or earlier')
    .ends(
      [5, 10, 24],
      'depot runs # the newest runs of all arrangements',
      'depot runs acme-crm --failed # why did they fail?',
      'depot runs --failed --from 2026-11-28 # since when?',
      'depot runs --last 100 --json # for scripts',
    )
    .runs(runsOptions, runs, 'at once');
}

async function runs(o: RunsFlags, context: Context): Promise<number> {
  const { pastRuns } = await import('../state/history.js');
  const { statesFor } = await import('./receipts/states.js');
  const { failureLines, runLines } = await import('./runs/lines.js');
  const { screen, stdout } = context;
  const states = await statesFor(o, o.names, context);
  const most = o.last ?? (o.from === undefined && o.to === undefined ? screenful : mostRuns);
  const found: PastRun[] = [];
  for (const name of states.names) {
    const some = await pastRuns(
      states.of(name),
      most + 1,
      ({ result, startedAt }) => within(o, startedAt) && (!o.failed || result === 'failed' || result === 'killed'),
    );
    found.push(...some);
  }
  const several = states.names.length > 1;
  // Those of one arrangement stay in the order in which they ended, whatever the clock said.
  if (several) found.sort(byEnd);
  const shown = found.slice(0, most);
  const more = found.length > most;
  const document = { ok: states.exists, state: states.directory, runs: shown, more };
  if (!states.exists) {
    screen.failure(document, [
      {
        text: `no runs: there is no directory ${printable(states.directory)}. Either no push has run here yet, or the state is elsewhere: --state DIRECTORY`,
        hang: 2,
      },
    ]);
    return exitStatus.incomplete;
  }
  if (shown.length === 0) {
    const period = o.from === undefined && o.to === undefined ? '' : ' in this period';
    screen.result(document, [`no ${o.failed ? 'run failed' : 'runs'}${period} in ${printable(states.directory)}`]);
    return 0;
  }
  screen.result(document, o.failed ? failureLines(shown) : runLines(shown, { several, columns: widthOf(stdout) }));
  const called = ['depot runs', ...o.names].join(' ');
  if (more) screen.note(`for older runs: «${called}${o.failed ? ' --failed' : ''} --last ${most * 5}»`);
  if (!o.failed && shown.some(({ exit }) => exit !== null && exit !== 0))
    screen.note(`why they failed, and what to do: «${called} --failed»`);
  return 0;
}

/** The newest first, and before them pushes that run. */
function byEnd({ finishedAt: a }: PastRun, { finishedAt: b }: PastRun): number {
  if (a === b) return 0;
  return b !== null && (a === null || a > b) ? -1 : 1;
}
