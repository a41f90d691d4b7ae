import type { ScheduleFlags } from './schedule/print.js';
import type { CommandLine } from './command-line.js';
import { clock, globals, isOneOf, text, usage, type Flags } from './flags.js';

export function scheduleOptions(kind: string, names: string[], flags: Flags): ScheduleFlags {
  const sort = isOneOf(kind, ['systemd', 'cron', 'launchd', 'windows'], 'the kind of schedule');
  const at = clock(flags, 'at');
  if (at === undefined) throw usage('no time given', 'add --at 01:30');
  const o = {
    ...globals(flags),
    kind: sort,
    names,
    at,
    until: clock(flags, 'until'),
    user: text(flags, 'user'),
    requires: unit(flags, 'requires'),
    onFailure: unit(flags, 'onFailure'),
    prometheusFile: text(flags, 'prometheusFile'),
    out: text(flags, 'out'),
  };
  if (o.kind !== 'systemd' && (o.requires ?? o.onFailure) !== undefined)
    throw usage('--requires and --on-failure are for systemd only', 'leave them out, or print a systemd schedule');
  if (o.user !== undefined && o.kind !== 'windows' && !/^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$/.test(o.user))
    throw usage(
      `--user ${JSON.stringify(o.user)} is not the name of an account`,
      'name an account of this machine, or one that you will create: --user depot',
    );
  if (o.out !== undefined && o.kind === 'cron')
    throw usage(
      '--out writes files, but cron has one crontab for everything',
      'leave out --out, and paste the lines with crontab -e',
    );
  return o;
}

function unit(flags: Flags, name: string): string | undefined {
  const value = text(flags, name);
  if (value !== undefined && !/^[A-Za-z0-9:_.@\\%-]+\.[a-z]+$/.test(value))
    throw usage(
      `${JSON.stringify(value)} is not the name of a systemd unit`,
      'write it in full: openvpn-client@softcrow.service',
    );
  return value;
}

export function defineSchedule(parent: CommandLine): void {
  const schedule = parent
    .command('schedule')
    .summary('run push every night')
    .description(
      'Prints what you need to have systemd, cron, launchd (macOS) or Windows run depot push every night and depot status every hour. Changes nothing itself.',
    )
    .ends(
      [],
      'depot schedule print systemd --at 01:30 # services and timers',
      'depot schedule print --help # the options',
    );
  schedule
    .command('print')
    .summary('print a schedule: push every night, check every hour')
    .description(
      'Prints a nightly push and an hourly depot status for systemd, cron, launchd (macOS) or the Windows Task Scheduler, with the commands that install them and give the account access. Changes nothing; with --out, it writes the files.',
    )
    .argument('<kind>', 'systemd, cron, launchd or windows')
    .argument('[name...]', 'arrangements; without one, all')
    .option('--at <time>', 'when to push, in local time, for example 01:30')
    .option('--until <time>', 'retry every hour until then (default: --at plus 6 h)')
    .option('--user <account>', 'run as (default: owner of the state; Windows: you)')
    .option('--requires <unit>', 'systemd: a unit that must be up, like the VPN')
    .option('--on-failure <unit>', 'systemd: a unit to start when a push fails')
    .option('--prometheus-file <file>', 'also write metrics every hour, for node_exporter')
    .option('--out <directory>', 'write the files to this directory; not with cron')
    .ends(
      [5, 10],
      'depot schedule print systemd --at 01:30 --out /etc/systemd/system # as root',
      '(crontab -l; depot schedule print cron --at 01:30) | crontab - # install',
      'depot schedule print windows --at 01:30 --out . # for schtasks',
    )
    .runs(scheduleOptions, async (o, c) => (await import('./schedule/print.js')).print(o, c), 'at once');
}
