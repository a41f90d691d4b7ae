/** Who is told, and the schedule, where flags say it and nobody is asked. */
import type { Account } from '../../accounts.js';
import { loadConfig } from '../../config/load.js';
import { pingHost } from '../../config/ping.js';
import type { Config } from '../../config/types.js';
import { stateOwner } from '../../doctor/access.js';
import { isDepotError } from '../../errors.js';
import { shellWord } from '../../shell.js';
import type { Context } from '../context.js';
import { whyNotReached } from '../../standing/ping.js';
import { exitStatus } from '../../texts/exits.js';
import { clockText } from '../schedule/tries.js';
import { linesByHand, nightOf, prepareSchedule } from './night.js';
import type { InitFlags } from './options.js';
import { otherThanThis } from './ready.js';
import { runDepot } from './run-depot.js';
import { whyNotRun, writeTold } from './told.js';

export interface Unasked {
  /** What was done, for scripts. */
  document: object;
  /** And for people. */
  lines: string[];
  /** What is left to type. */
  next: string[];
  exit: number;
}

/** Whether there is anything to do on a depot.yaml that is there already. */
export function isAboutNight({ schedule = 'none', ping, notify }: InitFlags): boolean {
  return schedule !== 'none' || ping !== undefined || notify !== undefined;
}

export async function nightUnasked(file: string, o: InitFlags, context: Context): Promise<Unasked> {
  if (!isAboutNight(o)) return { document: {}, lines: [], next: [], exit: 0 };
  const load = () => loadConfig({ flag: file, env: context.env, cwd: context.cwd });
  const config = await load();
  const owner = await stateOwner(config);
  const problem = o.notify === undefined ? null : await whyNotRun(o.notify, config.directory, owner);
  if (problem !== null) context.screen.warn(`notify: ${problem}`);
  const unreached = o.ping === undefined ? null : await whyNotReached(o.ping, context.signal);
  if (unreached !== null) context.screen.warn(`ping: ${unreached}; check the address`, 'act');
  const told = await writeTold(o, config, context);
  if (!told.ok) context.screen.warn(told.lines.join('\n'), 'act');
  const done = told.ok ? told.lines : [];
  const exit = told.ok ? 0 : exitStatus['config-invalid'];
  const now = await load();
  const document = {
    ...(o.ping !== undefined && { ping: now.ping === undefined ? null : pingHost(now.ping.url) }),
    ...(o.notify !== undefined && { notify: now.notify?.command ?? null }),
  };
  if (o.schedule === undefined || o.schedule === 'none') return { document, lines: done, next: [], exit };
  const night = nightOf(o, context);
  const schedule = {
    kind: o.schedule,
    account: owner?.name ?? null,
    at: clockText(night.at),
    until: clockText(night.until),
  };
  const byHand = linesByHand(o.schedule, night, now, owner);
  try {
    const { toggle, prepare, warnings } = await prepareSchedule(o.schedule, night, now, owner, context);
    for (const warning of warnings) context.screen.warn(warning);
    if (toggle.replaces.length > 0 && !toggle.done)
      return failed(`these already exist, with different contents: ${toggle.replaces.join(', ')}`);
    // Not for one that is on already: a set-up that is run again must not fail with the VPN.
    const doctor = toggle.done ? 0 : await checked(now, owner);
    const again = `depot init --yes${nightFlags(o)} --config ${shellWord(file)}`;
    if (doctor !== 0)
      return failed(`a push would fail with ${doctor}`, `fix what doctor found, then: «${again}»`, {
        next: [...prepare, again],
        exit: doctor,
      });
    const did = toggle.done ? ['the schedule is already switched on'] : await toggle.on();
    return {
      document: { ...document, schedule: { ...schedule, on: true, did } },
      lines: [...done, ...did, `to switch it off: ${toggle.off}`],
      next: prepare,
      exit,
    };
  } catch (error) {
    if (!isDepotError(error, 'schedule-failed')) throw error;
    return failed(error.message, error.hint);
  }

  /** As the account that pushes: the first exit status that is none of success. */
  async function checked({ arrangements }: Config, pusher: Account | undefined): Promise<number> {
    const quiet = context.screen.json || context.screen.quiet ? ['--quiet'] : [];
    for (const name of arrangements.keys()) {
      const status = await runDepot(['doctor', name, ...quiet, '--config', file], otherThanThis(pusher), context);
      if (status !== 0) return status;
    }
    return 0;
  }

  function failed(
    message: string,
    hint = 'see what is there, then type the lines by hand',
    left: Pick<Unasked, 'next' | 'exit'> = { next: byHand, exit: exitStatus['schedule-failed'] },
  ): Unasked {
    context.screen.warn(`the schedule is not switched on: ${message}; ${hint}`, 'act');
    return {
      document: { ...document, schedule: { ...schedule, on: false, problem: message } },
      lines: done,
      ...left,
    };
  }
}

/** Those that are not in depot.yaml by now. */
function nightFlags(o: InitFlags): string {
  const flags: [string, string | undefined][] = [
    ['--schedule', o.schedule],
    ['--at', o.at],
    ['--until', o.until],
    ['--prometheus-file', o.prometheusFile],
  ];
  return flags.flatMap(([flag, value]) => (value === undefined ? [] : [` ${flag} ${shellWord(value)}`])).join('');
}
