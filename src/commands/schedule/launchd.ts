import { shellWord } from '../../shell.js';
import { usage } from '../flags.js';
import { type Job, monitorLine, type Printed } from './job.js';
import { statusMinute } from './tries.js';

const directory = '/Library/LaunchDaemons';

/**
 * Two daemons for macOS (launchd.plist(5)), which run whether or not somebody is logged in. A time at which the machine
 * slept is made up for once, when it wakes; one at which it was off is not.
 */
export function launchdJob(job: Job): Printed {
  // Without one it would be root's, and sources can run commands.
  if (job.user === undefined) throw usage('no account given', 'name the one that pushes: --user depot');
  const daemons = [
    daemon(job, 'depot.push', `deposit with the escrow agent (${job.what})`, job.command, job.tries),
    daemon(job, 'depot.status', `hourly check (${job.what})`, job.status, [{ minute: statusMinute(job.tries[0]!) }]),
  ];
  const [push] = daemons;
  // Without a directory for the files this stands in a comment of the XML, which has no two hyphens in it.
  const status = job.out === undefined ? 'depot status' : monitorLine(job);
  const install = (job.out === undefined ? [push!] : daemons).flatMap(({ path }) => {
    const name = path.slice(directory.length + 1);
    const from = job.out === undefined ? name : `${job.out.replace(/\/+$/, '')}/${name}`;
    return [`install -m 644 ${shellWord(from)} ${directory}/`, `launchctl bootstrap system ${path}`];
  });
  return {
    files: daemons,
    paste: [
      `${job.out === undefined ? 'save this file as depot.push.plist; then, ' : ''}as root (sudo -s):`,
      ...job.prepare,
      ...install,
      'launchctl kickstart -p system/depot.push',
      `launchd does not keep the output; monitor with ${status}`,
      'give source commands their full path (launchd only searches /usr/bin, /bin, /usr/sbin and /sbin). To read files in home folders, the program may need Full Disk Access',
    ],
  };
}

function daemon(
  job: Job,
  label: string,
  what: string,
  command: readonly string[],
  times: readonly { hour?: number; minute: number }[],
): Printed['files'][number] {
  const strings = command.map((word) => `    <string>${xml(word)}</string>`).join('\n');
  const intervals = times.map(
    ({ hour, minute }) => `    <dict>
${hour === undefined ? '' : `      <key>Hour</key>\n      <integer>${hour}</integer>\n`}      <key>Minute</key>
      <integer>${minute}</integer>
    </dict>`,
  );
  const contents = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- depot: ${inComment(what)} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${label}</string>
  <key>ProgramArguments</key>
  <array>
${strings}
  </array>
  <key>UserName</key>
  <string>${xml(job.user!)}</string>
  <key>StartCalendarInterval</key>
  <array>
${intervals.join('\n')}
  </array>
  <key>WorkingDirectory</key>
  <string>${xml(job.configDirectory)}</string>
  <key>Umask</key>
  <integer>63</integer>
</dict>
</plist>
`;
  return { path: `${directory}/${label}.plist`, contents };
}

function xml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** Two hyphens would end the comment. */
function inComment(text: string): string {
  return xml(text).replace(/-(?=-)/g, '&#45;');
}
