import type { CommandLine } from './command-line.js';
import { isWithinInit } from '../accounts.js';
import { pingHost } from '../config/ping.js';
import { printable } from '../printable.js';
import type { Context } from './context.js';
import { chooseArrangements, configFor, hiddenPrompt } from './deposits.js';
import { given, globals, type Flags } from './flags.js';

export function doctorOptions(name: string | undefined, flags: Flags) {
  return { ...globals(flags), name, writeTest: given(flags, 'writeTest') };
}
type DoctorFlags = ReturnType<typeof doctorOptions>;

export function defineDoctor(parent: CommandLine): void {
  parent
    .command('doctor')
    .summary('check what a push needs')
    .description(
      'Checks configuration, state, keys, secrets, sources, and the server: reachable, host key, login, directory. Writes to the server only with --write-test. The exit code is the one that a push would give.',
    )
    .argument('[name]', 'arrangement; without one, all')
    .option(
      '--write-test',
      'write two files of up to 3 MiB, with nothing of yours in them, to see what the server does with them',
    )
    .ends(
      [3, 4, 5, 10, 11, 12, 13, 14, 15, 17, 20, 32],
      'depot doctor # before the first push, or after one failed',
      'sudo -u depot depot doctor # as the account of the scheduled run',
      'depot doctor acme-crm --write-test # once, with a new server; says what it left there',
    )
    .runs(doctorOptions, doctor, 'in order');
}

async function doctor(o: DoctorFlags, context: Context): Promise<number> {
  const { examine } = await import('../doctor/examine.js');
  const { briefLines, examinationLines } = await import('../doctor/findings.js');
  const config = await configFor(o, context);
  const arrangements = chooseArrangements(config, o.name === undefined ? [] : [o.name], 'all');
  for (const warning of config.warnings) context.screen.warn(warning);
  const logins = await (await import('../push/logins.js')).Logins.of(config, [...config.arrangements.values()]);
  const examined = [];
  for (const arrangement of arrangements) {
    const progress = await context.screen.progress();
    progress?.phase(`${arrangement.name}: looking`);
    try {
      examined.push(
        await examine({
          config,
          arrangement,
          logins,
          writeTest: o.writeTest,
          env: context.env,
          signal: context.signal,
          prompt: hiddenPrompt(context),
        }),
      );
    } finally {
      progress?.stop();
    }
  }
  const failed = examined.filter((e) => e.exit !== 0);
  const ping = config.ping === undefined ? undefined : { host: pingHost(config.ping.url), on: config.ping.on };
  const document = {
    ok: failed.length === 0,
    config: config.path,
    state: config.state.path,
    ...(ping === undefined ? {} : { ping }),
    arrangements: examined,
  };
  const paint: Parameters<typeof briefLines>[1] = (style, text) => context.screen.paint(style, text);
  const full = [
    `configuration  ${printable(config.path)}`,
    `state          ${printable(config.state.path)} (${config.state.from})`,
    ...(ping === undefined ? [] : [`ping           ${printable(ping.host)} (${ping.on.join(', ')}); not sent now`]),
    ...examined.flatMap((e) => ['', ...examinationLines(e, paint)]),
  ];
  const lines = isWithinInit(context.env) ? examined.flatMap((e) => briefLines(e, paint)) : full;
  if (failed.length === 0) {
    context.screen.result(document, lines);
    return 0;
  }
  context.screen.failure(document, lines);
  // As push --all: one arrangement's own code, or 4 for some of several.
  return examined.length === 1 ? failed[0]!.exit : 4;
}
