/** After depot.yaml is written: host key, password, doctor, dry run, who is told, schedule, first deposit. A second run goes on where one ended. */
import { stat } from 'node:fs/promises';
import { succeeds } from '../../abort.js';
import { type Account, runAs } from '../../accounts.js';
import { loadConfig } from '../../config/load.js';
import type { Config } from '../../config/types.js';
import { stateOwner } from '../../doctor/access.js';
import { isDepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { shellWord } from '../../shell.js';
import { whyNotReached } from '../../standing/ping.js';
import { gatherStandings } from '../../standing/standing.js';
import { exitStatus } from '../../texts/exits.js';
import type { Line } from '../../ui/wrap.js';
import type { Context } from '../context.js';
import { clockText, timeOfDay, usualUntil } from '../schedule/tries.js';
import { pusherOf } from './account.js';
import { endScreen } from './end.js';
import {
  keptNow,
  linesByHand,
  type Night,
  prepareSchedule,
  type Scheduler,
  schedulerHere,
  schedulerToPrint,
  usualTime,
  wrongMetrics,
} from './night.js';
import type { InitFlags } from './options.js';
import { absolutePath } from './paths.js';
import { otherThanThis, ready } from './ready.js';
import { runDepot } from './run-depot.js';
import type { Talk } from './talk.js';
import { askTold, type Tries, whyNotRun, writeTold } from './told.js';

export interface Finished {
  exit: number;
  /** There is a deposit, or a schedule that makes one. */
  started: boolean;
  /** What is left to type. */
  next: string[];
  /** What happens from now on; empty when it is not ready. */
  end: Line[];
}

export async function finish(file: string, o: InitFlags, talk: Talk, context: Context): Promise<Finished> {
  const load = (): Promise<Config> => loadConfig({ flag: file, env: context.env, cwd: context.cwd });
  const config = await load();
  if ((await pusherOf(config, talk))?.uid === 0)
    talk.say(`Pushes run as root, which owns ${printable(config.state.path)}.`);
  const goOn = [`depot init --config ${shellWord(file)}    # continues here, once you have fixed that`];
  const names = [...config.arrangements.keys()];
  for (const name of names) {
    const exit = await ready(name, file, talk, context);
    if (exit !== 0) return { exit, next: goOn, end: [], started: false };
  }
  const owner = await stateOwner(config);
  const other = otherThanThis(owner);
  const which = names.length === 1 ? names : ['--all'];
  const { deposited } = await standing(await load());
  if (
    !deposited &&
    (await talk.confirm('Do a trial run now? It reads and encrypts everything but uploads nothing.', true))
  ) {
    const exit = await runDepot(['push', ...which, '--dry-run', '--config', file], other, context);
    if (exit !== 0) return { exit, next: goOn, end: [], started: false };
  }
  const kind = await schedulerHere(o.schedule, owner, context);
  const kept = await keptNow(kind, config, owner, context);
  const given = o.at ?? o.until ?? o.prometheusFile ?? o.schedule;
  const isOn = kept !== null && given === undefined;
  if (isOn)
    talk.say(
      `The schedule is already switched on: every night at ${clockText(kept.at)}, until ${clockText(kept.until)}.`,
    );
  const times = isOn ? kept : await askTimes(o, talk);
  const unreached = await tell(o, await load(), owner, talk, context);
  const night = { ...times, metrics: isOn ? undefined : await askMetrics(o, talk, context) };
  const schedule = isOn
    ? { off: kept.off, left: [], exit: 0 }
    : await switchOn(kind, night, await load(), owner, o, talk, context);
  const first = `${other === null ? '' : runAs(other, '')}depot push${names.length > 1 ? ' --all' : ''} --config ${shellWord(file)}`;
  let made = deposited;
  if (!deposited && (await talk.confirm('Make the first deposit now?', true))) {
    const exit = await runDepot(['push', ...which, '--config', file], other, context);
    if (exit !== 0) return { exit, next: [...goOn, ...schedule.left], end: [], started: false };
    made = true;
  }
  const { unpinged } = await standing(await load());
  return {
    exit: schedule.exit,
    started: made || schedule.off !== null,
    next: [...(made ? [] : [`${first}    # the first deposit, now`]), ...schedule.left],
    end: endScreen({
      deposited: made,
      unpinged: unpinged ?? unreached,
      config: await load(),
      night,
      off: schedule.off,
      account: owner,
      signerPublic: await publicHalf(config),
    }),
  };
}

/** Where the public half of the signing key lies beside it, as a set-up leaves it. */
async function publicHalf({ supplier: { signingKey } }: Config): Promise<string | null> {
  const file = signingKey.replace(/\.secret\.asc$/, '.public.asc');
  return file !== signingKey && (await succeeds(stat(file))) ? file : null;
}

/** Whether each arrangement has a deposit, so that neither a trial nor a first one is left to do; and how its last ping failed. */
async function standing(config: Config): Promise<{ deposited: boolean; unpinged: string | null }> {
  const standings = await gatherStandings(config, [...config.arrangements.values()], { now: new Date() });
  return {
    deposited: standings.every(({ lastDeposit }) => lastDeposit !== null),
    unpinged: standings.find(({ pingFailure }) => pingFailure !== null)?.pingFailure?.failure ?? null,
  };
}

async function askTimes(o: InitFlags, talk: Talk): Promise<Pick<Night, 'at' | 'until'>> {
  const check = (time: string): string | undefined =>
    timeOfDay(time) === null ? 'a time of day like 01:30' : undefined;
  const at = timeOfDay(o.at ?? (await talk.text('What time should the push run?', { fallback: usualTime, check })))!;
  const until =
    o.until ??
    (await talk.text('If it fails, it tries again every hour. Until when?', {
      fallback: clockText(usualUntil(at)),
      check,
    }));
  return { at, until: timeOfDay(until)! };
}

/** What depot.yaml says already is not asked for. Returns why the address to ping cannot be connected to. */
async function tell(
  o: InitFlags,
  config: Config,
  owner: Account | undefined,
  talk: Talk,
  context: Context,
): Promise<string | null> {
  let unreached: string | null = null;
  const tries: Tries = {
    command: (command) => whyNotRun(command, config.directory, owner),
    ping: async (url) => (unreached = await whyNotReached(url, context.signal)),
  };
  for (const problem of [
    o.notify === undefined ? null : await tries.command(o.notify),
    o.ping === undefined ? null : await tries.ping(o.ping),
  ])
    if (problem !== null) talk.say(`! ${problem}`);
  const given = o.ping !== undefined || o.notify !== undefined;
  if (!given && (config.ping !== undefined || config.notify !== undefined)) return null;
  const told = given ? o : await askTold(talk, tries);
  for (const line of (await writeTold(told, config, context)).lines) talk.say(line);
  return unreached;
}

async function askMetrics(o: InitFlags, talk: Talk, context: Context): Promise<string | undefined> {
  if (o.prometheusFile !== undefined) return absolutePath(o.prometheusFile, context);
  const file = await talk.text('File for Prometheus metrics (Enter: none)', {
    optional: true,
    path: true,
    check: (name) => wrongMetrics(absolutePath(name, context)),
  });
  return file === '' ? undefined : absolutePath(file, context);
}

interface Switched {
  /** What switches it off again; null when it is not on. */
  off: string | null;
  /** What is left to type. */
  left: string[];
  exit: number;
}

async function switchOn(
  kind: Scheduler | null,
  night: Night,
  config: Config,
  owner: Account | undefined,
  o: InitFlags,
  talk: Talk,
  context: Context,
): Promise<Switched> {
  const byHand = linesByHand(kind ?? (await schedulerToPrint()), night, config, owner);
  if (kind === null) return { off: null, left: byHand, exit: 0 };
  try {
    const { toggle, prepare, warnings } = await prepareSchedule(kind, night, config, owner, context);
    for (const warning of warnings) talk.say(`! ${warning}`);
    if (prepare.length > 0)
      talk.say(`Type this in another terminal first:\n${prepare.map((line) => `  «${line}»`).join('\n')}`);
    if (!toggle.done) {
      talk.say(`This switches the schedule on:\n${toggle.plan.map((line) => `  ${line}`).join('\n')}`);
      const replaces = toggle.replaces.map((file) => `  ${file}`).join('\n');
      if (replaces !== '') talk.say(`Some of these already exist, with different contents:\n${replaces}`);
      const question = replaces === '' ? 'Switch it on now?' : 'Put the new ones in their place, and switch it on?';
      // A flag is the answer to the plain question only.
      if (!((o.schedule !== undefined && replaces === '') || (await talk.confirm(question, replaces === ''))))
        return { off: null, left: byHand, exit: 0 };
      for (const line of await toggle.on()) talk.say(line);
    }
    return { off: toggle.off, left: [], exit: 0 };
  } catch (error) {
    if (!isDepotError(error, 'schedule-failed')) throw error;
    talk.say(`The schedule is not switched on: ${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}`);
    return { off: null, left: byHand, exit: exitStatus['schedule-failed'] };
  }
}
