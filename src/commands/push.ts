import type { Command } from 'commander';
import type { PushOutcome } from '../deposit/push-types.js';
import { DepotError, isDepotError } from '../errors.js';
import type { Arrangement, Config } from '../config/types.js';
import { pushDocument, pushLines, pushSummary, type PushResult } from '../ui/push.js';
import type { Context, GlobalOptions, Start } from './context.js';
import { chooseArrangements, configFor, hiddenPrompt } from './deposits.js';
import { durationMs, given, globals, usage, type Flags } from './flags.js';
import { helpEnd } from './help.js';

export interface PushFlags extends GlobalOptions {
  names: string[];
  all: boolean;
  dryRun: boolean;
  ifOlderThanMs: number | undefined;
}

export function pushOptions(names: string[], flags: Flags): PushFlags {
  const o = { ...globals(flags), names, all: given(flags, 'all'), dryRun: given(flags, 'dryRun'), ifOlderThanMs: durationMs(flags, 'ifOlderThan') };
  if (o.all && names.length > 0) throw usage(`--all and ${names.join(', ')}: give names or --all, not both`);
  return o;
}

export function definePush(parent: Command, start: Start): void {
  parent.command('push')
    .summary('make a deposit')
    .description('Seals the dataset of an arrangement for its beneficiaries, uploads it, and keeps a signed receipt.\nWithout a name: the only arrangement of the configuration.')
    .argument('[name...]', 'arrangements')
    .option('--all', 'all arrangements; one that fails does not stop the others')
    .option('--dry-run', 'run the sources and seal to nowhere; connects to nothing')
    .option('--if-older-than <time>', 'only when the last deposit is older than this (20h)')
    .addHelpText('after', helpEnd([
      ['depot push', 'the only arrangement'],
      ['depot push acme-crm', 'this one'],
      ['depot push --all --if-older-than 20h --quiet', 'from cron: silence is success'],
      ['depot push acme-crm --dry-run', 'is the dataset complete, how large does it become?'],
      ['depot push acme-crm --json', 'for scripts'],
    ], [3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 30, 32, 129, 130, 143]))
    .action((names: string[], _: unknown, command: Command) => start(pushOptions(names, command.optsWithGlobals()), push));
}

const onTerminalMs = 10_000;
const unattendedMs = 30 * 60_000;

async function push(o: PushFlags, context: Context): Promise<number> {
  const config = await configFor(o, context);
  const arrangements = chooseArrangements(config, o.names, o.all ? 'all' : 'only');
  for (const warning of config.warnings) context.screen.warn(warning);
  const servers = new Set(arrangements.map((a) => `${a.remote.host}:${a.remote.port}`)).size;
  const results: PushResult[] = [];
  for (const arrangement of arrangements) {
    const result = await pushOne(o, config, arrangement, servers, context);
    results.push(result);
    if (!context.screen.json && 'outcome' in result) context.screen.result({}, pushLines(result.outcome, arrangement));
    if (!context.screen.json && 'error' in result) context.screen.error(result.error, context.env.DEPOT_DEBUG === '1');
    if (context.signal.aborted) break;
  }
  const exit = pushExit(results, context.signal);
  if (context.screen.json && exit === 0) context.screen.result(pushDocument(results), []);
  else if (context.screen.json) context.screen.failure(pushDocument(results), []);
  else if (arrangements.length > 1) context.screen.result({}, [pushSummary(results, arrangements.length)]);
  return exit;
}

async function pushOne(o: PushFlags, config: Config, arrangement: Arrangement, servers: number, context: Context): Promise<PushResult> {
  const { screen, env, signal } = context;
  const { push: deposit } = await import('../deposit/push.js');
  const progress = await screen.progress();
  const prompt = hiddenPrompt(context);
  const retryForMs = arrangement.remote.retryForMs ?? (screen.stderr.isTTY ? onTerminalMs : unattendedMs);
  try {
    const outcome: PushOutcome = await deposit({
      config, arrangement, servers, env, signal, retryForMs, dryRun: o.dryRun, stateDirectory: config.state.path,
      ...(o.ifOlderThanMs === undefined ? {} : { ifOlderThanMs: o.ifOlderThanMs }),
      ...(prompt === undefined ? {} : { prompt }),
    }, {
      warn: (message) => { screen.warn(`${arrangement.name}: ${message}`); },
      phase: (name) => { progress?.phase(`${arrangement.name}: ${name}`); },
      progress: (p) => { progress?.update(p); },
    });
    if ('newLedger' in outcome && outcome.newLedger) screen.note(`${arrangement.name}: this is the first deposit in ${config.state.path}; a new ledger begins there`);
    return { arrangement: arrangement.name, outcome };
  } catch (thrown) {
    const error = isDepotError(thrown) ? thrown : unforeseen(thrown, signal);
    error.arrangement ??= arrangement.name;
    return { arrangement: arrangement.name, error };
  } finally {
    progress?.stop();
  }
}

/** A defect in one arrangement's push must not stop the others, so it is caught here and not at the top. */
function unforeseen(thrown: unknown, signal: AbortSignal): DepotError {
  if (signal.aborted && isDepotError(signal.reason)) return signal.reason;
  return new DepotError('internal', `a defect in depot: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
    cause: thrown,
    hint: 'run it again with DEPOT_DEBUG=1 and report what it prints',
  });
}

/** A signal's own status first; then that of the only arrangement; then 4 for some of many. */
export function pushExit(results: readonly PushResult[], signal: AbortSignal): number {
  const failed = results.filter((r) => 'error' in r);
  if (failed.length === 0) return 0;
  if (signal.aborted && isDepotError(signal.reason)) return failed.length === 1 && results.length === 1 ? failed[0]!.error.exit : signal.reason.exit;
  return results.length === 1 ? failed[0]!.error.exit : 4;
}
