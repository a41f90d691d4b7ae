import path from 'node:path';
import type { Context } from '../context.js';
import { chooseArrangements, configFor } from '../deposits.js';
import { usage } from '../flags.js';
import type { ScheduleFlags } from '../schedule.js';
import { cronLine } from './cron.js';
import type { Job, Printed } from './job.js';
import { systemdUnits } from './systemd.js';
import { windowsTask } from './windows.js';

export async function print(o: ScheduleFlags, context: Context): Promise<number> {
  const config = await configFor(o, context);
  chooseArrangements(config, o.names, 'all');
  const script = process.argv[1];
  if (script === undefined) throw usage('the path of depot is not known', 'run it as an installed program');
  const job: Job = {
    // The running Node by its path: a scheduled run has another PATH than a person.
    command: [process.execPath, path.resolve(script), 'push', ...(o.names.length === 0 ? ['--all'] : o.names), '--quiet', '--config', config.path],
    at: o.at,
    user: o.user,
    configDirectory: config.directory,
    stateDirectory: config.state.path,
    what: o.names.length === 0 ? 'all arrangements' : o.names.join(', '),
    requires: o.requires,
    onFailure: o.onFailure,
  };
  const printed = { systemd: systemdUnits, cron: cronLine, windows: windowsTask }[o.kind](job);
  context.screen.result({ ok: true, kind: o.kind, ...printed }, lines(o.kind, printed));
  return 0;
}

/** What is pasted stands in comments, so that the output as a whole is a valid crontab or XML file. */
function lines(kind: ScheduleFlags['kind'], { files, paste }: Printed): string[] {
  if (kind === 'windows') return [files[0]!.contents.trimEnd(), `<!--\n${paste.join('\n')}\n-->`];
  const text = files.flatMap(({ path: name, contents }) => [`# ${name}`, contents.trimEnd(), '']);
  return [...text, ...paste.map((line) => `# ${line}`)];
}
