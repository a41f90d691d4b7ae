/** The schedule of the deposits, as `depot init` makes it: which one suits this machine, and switching it on. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type Account, accountOfUid } from '../../accounts.js';
import type { Config } from '../../config/types.js';
import { DepotError, isDepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { shellWord } from '../../shell.js';
import type { Context } from '../context.js';
import { usage } from '../flags.js';
import { cronRuns, crontabOf, crontabSwitch, type Crontab, keptIn } from '../schedule/crontab.js';
import { makeSchedule } from '../schedule/print.js';
import type { Switch, Times } from '../schedule/switch-on.js';
import { clockText, timeOfDay, usualUntil } from '../schedule/tries.js';
import { isSystemd, keptByUnits, unitsSwitch } from '../schedule/units.js';
import type { InitFlags } from './options.js';
import { absolutePath } from './paths.js';

export type Scheduler = 'systemd' | 'cron';

export interface Night extends Times {
  /** Where metrics go. */
  metrics: string | undefined;
}

/** What was answered by flags, else the usual. */
export function nightOf(o: InitFlags, context: Context): Night {
  const at = timeOfDay(o.at ?? usualTime)!;
  return {
    at,
    until: o.until === undefined ? usualUntil(at) : timeOfDay(o.until)!,
    metrics: o.prometheusFile === undefined ? undefined : absolutePath(o.prometheusFile, context),
  };
}

export const usualTime = '01:30';

/** What can keep a schedule for the account that pushes, and can be switched on from here; null where that is left to the reader. */
export async function schedulerHere(
  wanted: InitFlags['schedule'],
  owner: Account | undefined,
  context: Context,
): Promise<Scheduler | null> {
  if (wanted !== undefined) return wanted === 'none' ? null : wanted;
  const self = process.geteuid?.();
  if (self === undefined || process.platform === 'darwin' || owner === undefined) return null;
  if (self === 0 && (await isSystemd())) return 'systemd';
  if (self !== 0 && owner.uid !== self) return null;
  return (await crontabOf(null, '', context.env).catch(nothingFound)) === null ? null : 'cron';
}

/** @throws DepotError 'usage' for flags that cannot be followed here, before anything is written */
export async function requireNight({ schedule, prometheusFile }: InitFlags, context: Context): Promise<void> {
  const metrics = prometheusFile === undefined ? undefined : await wrongMetrics(absolutePath(prometheusFile, context));
  if (metrics !== undefined)
    throw usage(
      `--prometheus-file ${JSON.stringify(prometheusFile)}: ${metrics}`,
      'name a file in the directory of its textfile collector: /var/lib/node_exporter/textfile_collector/depot.prom',
    );
  if (schedule === undefined || schedule === 'none') return;
  const self = process.geteuid?.();
  if (self === undefined)
    throw usage(
      `--schedule ${schedule} is not for Windows`,
      'leave it out, and register what this prints: depot schedule print windows --at 01:30 --out .',
    );
  if (schedule === 'cron') {
    if ((await crontabOf(null, '', context.env)) === null)
      throw usage('--schedule cron: there is no crontab on this machine', 'install cron, or use --schedule none');
    return;
  }
  if (!(await isSystemd()))
    throw usage('--schedule systemd: systemd does not run this machine', 'use --schedule cron or none');
  if (self !== 0) throw usage('--schedule systemd: only root may add units', 'run it as root, or use --schedule cron');
}

/** What is switched on already for this configuration; null for nothing, and where nobody can tell. */
export async function keptNow(kind: Scheduler | null, config: Config, owner: Account | undefined, context: Context) {
  if (kind === 'systemd') return keptByUnits(config.path, context.env).catch(nothingFound);
  if (kind === null) return null;
  return tableOf(owner, context)
    .then((table) => keptIn(table, config.path))
    .catch(nothingFound);
}

function nothingFound(error: unknown): null {
  if (!isDepotError(error, 'schedule-failed')) throw error;
  return null;
}

export interface Prepared {
  toggle: Switch;
  /** What root types first, so that the account can do its work. */
  prepare: string[];
  warnings: string[];
}

/** @throws DepotError 'schedule-failed' where it cannot even be seen what is there */
export async function prepareSchedule(
  kind: Scheduler,
  night: Night,
  config: Config,
  owner: Account | undefined,
  context: Context,
): Promise<Prepared> {
  if (owner === undefined)
    throw new DepotError(
      'schedule-failed',
      `${config.state.path} does not exist, so depot cannot tell which account pushes`,
      {
        hint: 'create it on a terminal: «depot init»',
      },
    );
  const { files, prepare, warnings } = await makeSchedule(
    {
      config: config.path,
      state: undefined,
      kind,
      names: [],
      at: night.at,
      until: night.until,
      // Root's own state: pushes run as root, and not as an account that systemd has by default.
      user: owner.uid === 0 ? owner.name : undefined,
      requires: undefined,
      onFailure: undefined,
      prometheusFile: night.metrics,
      out: undefined,
    },
    config,
    context,
  );
  const lines = linesByHand(kind, night, config, owner);
  const toggle =
    kind === 'systemd'
      ? await unitsSwitch(files, context.env, lines)
      : await crontabSwitch(await tableOf(owner, context), files[0]!.contents, config.path, lines);
  if (!toggle.done && process.geteuid?.() === 0 && owner.uid !== 0) {
    const roots = await tableOf(await accountOfUid(0), context)
      .then((table) => keptIn(table, config.path))
      .catch(nothingFound);
    if (roots !== null)
      warnings.push(
        `root's own crontab pushes with ${printable(config.path)} too, and its lines would fail or get in the way; to remove them: «${roots.off}»`,
      );
  }
  if (kind === 'cron' && !(await cronRuns()))
    warnings.push('cron is not running on this machine, and without it nothing is pushed: start it');
  return { toggle, prepare, warnings };
}

async function tableOf(owner: Account | undefined, context: Context): Promise<Crontab> {
  const other = process.geteuid?.() === 0 && owner !== undefined && owner.uid !== 0 ? owner.name : null;
  const table = await crontabOf(other, owner?.name ?? 'this account', context.env);
  if (table === null) throw new DepotError('schedule-failed', 'there is no crontab on this machine');
  return table;
}

export function printLine(kind: Scheduler | 'windows', { at, until, metrics }: Night): string {
  return [
    `depot schedule print ${kind} --at ${clockText(at)}`,
    ...(clockText(until) === clockText(usualUntil(at)) ? [] : [`--until ${clockText(until)}`]),
    ...(metrics === undefined ? [] : [`--prometheus-file ${shellWord(metrics)}`]),
  ].join(' ');
}

/** What switches it on, to type. */
export function linesByHand(
  kind: Scheduler | 'windows',
  night: Night,
  config: Pick<Config, 'path'>,
  owner: Account | undefined,
): string[] {
  const root = process.geteuid?.() === 0;
  const user = root && owner?.uid === 0 ? ` --user ${owner.name}` : '';
  const print = `${printLine(kind, night)}${user} --config ${shellWord(config.path)}`;
  if (kind === 'windows')
    return [`${print} --out .    # writes depot.xml and depot-status.xml, and says how to register both`];
  if (kind === 'systemd')
    return [
      `${print} --out /etc/systemd/system    # add --requires with the unit of the VPN`,
      'systemctl daemon-reload && systemctl enable --now depot.timer depot-status.timer',
    ];
  const table = root && owner !== undefined ? `crontab -u ${owner.name}` : 'crontab';
  return [`(${table} -l 2>/dev/null; ${print}) | ${table} -`];
}

/** Which of them is printed where none can be switched on. */
export async function schedulerToPrint(): Promise<Scheduler | 'windows'> {
  if (process.platform === 'win32') return 'windows';
  return process.geteuid?.() === 0 && (await isSystemd()) ? 'systemd' : 'cron';
}

/** What is wrong with a file for metrics. */
export async function wrongMetrics(file: string): Promise<string | undefined> {
  if (!file.endsWith('.prom')) return 'node_exporter reads files whose names end in .prom: depot.prom';
  if ((await stat(file).catch(() => null))?.isDirectory() === true) return 'that is a directory; name a file in it';
  return (await stat(path.dirname(file)).catch(() => null)) === null
    ? `there is no directory ${path.dirname(file)}: create it first; it is node_exporter's --collector.textfile.directory`
    : undefined;
}
