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
    throw usage('--requires and --on-failure name systemd units', 'leave them out, or print a systemd schedule');
  if (o.user !== undefined && o.kind !== 'windows' && !/^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$/.test(o.user))
    throw usage(
      `--user ${JSON.stringify(o.user)} is not the name of an account`,
      'name one that this machine has, or is to have: --user depot',
    );
  if (o.out !== undefined && o.kind === 'cron')
    throw usage(
      '--out is for files, and a crontab is no file of its own',
      'leave out --out, and paste the line with crontab -e',
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
      'Prints what makes systemd, cron, launchd (macOS) or Windows run depot push every night and depot status every hour. Nothing on this machine is changed, unless --out says where files go.',
    )
    .ends(
      [],
      'depot schedule print systemd --at 01:30 # services and timers',
      'depot schedule print --help # what it takes',
    );
  schedule
    .command('print')
    .summary('print a schedule: a push every night, and a look every hour at how things stand')
    .description(
      'Prints hardened services and timers for systemd, lines for cron, daemons for launchd, or tasks for the Windows Task Scheduler, with the lines to paste: those too that give the account access to what it needs. The push is tried at --at, and every hour until --until as long as there is no deposit. Every hour depot status looks, for notify and ping. Changes nothing, unless --out says where the files go.',
    )
    .argument('<kind>', 'systemd, cron, launchd or windows')
    .argument('[name...]', 'arrangements; without one, all')
    .option('--at <time>', 'local time of day of the push, for example 01:30')
    .option('--until <time>', 'try no more from then on; the time of --at for one try (default: six hours after it)')
    .option(
      '--user <account>',
      'the account that it runs as (else the owner of the state directory; on Windows, this account)',
    )
    .option('--requires <unit>', 'systemd: a unit that must be up, such as that of the VPN')
    .option('--on-failure <unit>', 'systemd: a unit that is started when a deposit fails')
    .option('--prometheus-file <file>', "also write metrics every hour, for node_exporter's textfile collector")
    .option('--out <directory>', 'systemd, launchd, windows: write the files there, and print what to type next')
    .ends(
      [5, 10],
      'depot schedule print systemd --at 01:30 --requires openvpn-client@softcrow.service # services and timers',
      'depot schedule print systemd --at 01:30 --prometheus-file /var/lib/node_exporter/textfile_collector/depot.prom # with metrics',
      'depot schedule print systemd --at 01:30 --user depot --out /etc/systemd/system # writes them, for that account',
      '(crontab -l; depot schedule print cron --at 01:30) | crontab - # as the account that is to push; keeps what is there',
      'depot schedule print windows --at 01:30 --out . # writes depot.xml and depot-status.xml, for schtasks',
    )
    .runs(scheduleOptions, async (o, c) => (await import('./schedule/print.js')).print(o, c), 'at once');
}
