import { shellWord } from '../../shell.js';
import { usage } from '../flags.js';
import { type Job, monitorLine, type Printed } from './job.js';

const directory = '/Library/LaunchDaemons';

/**
 * A daemon for macOS (launchd.plist(5)), which runs whether or not somebody is logged in. A time at which the machine
 * slept is made up for once, when it wakes; one at which it was off is not.
 */
export function launchdJob(job: Job): Printed {
  // Without one it would be root's, and sources can run commands.
  if (job.user === undefined) throw usage('no account given', 'name the one that pushes: --user depot');
  const label = 'depot.push';
  const file = `${label}.plist`;
  const strings = job.command.map((word) => `    <string>${xml(word)}</string>`).join('\n');
  const contents = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- depot: deposit with the escrow agent (${inComment(job.what)}) -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${label}</string>
  <key>ProgramArguments</key>
  <array>
${strings}
  </array>
  <key>UserName</key>
  <string>${xml(job.user)}</string>
  <key>StartCalendarInterval</key>
  <dict>
    <key>Hour</key>
    <integer>${job.at.hour}</integer>
    <key>Minute</key>
    <integer>${job.at.minute}</integer>
  </dict>
  <key>WorkingDirectory</key>
  <string>${xml(job.configDirectory)}</string>
  <key>Umask</key>
  <integer>63</integer>
</dict>
</plist>
`;
  const from = job.out === undefined ? file : `${job.out.replace(/\/+$/, '')}/${file}`;
  // Without a directory for the file this stands in a comment of the XML, which has no two hyphens in it.
  const status = job.out === undefined ? 'depot status' : monitorLine(job);
  return {
    files: [{ path: `${directory}/${file}`, contents }],
    paste: [
      `${job.out === undefined ? `save this file as ${file}; then, ` : ''}as root (sudo -s):`,
      ...job.prepare,
      `install -m 644 ${shellWord(from)} ${directory}/`,
      `launchctl bootstrap system ${directory}/${file}`,
      `launchctl kickstart -p system/${label}`,
      `launchd keeps no output: monitor with ${status}`,
      'commands of sources need their full path (launchd knows /usr/bin, /bin, /usr/sbin and /sbin), and folders of people may need Full Disk Access for the program',
    ],
  };
}

function xml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** Two hyphens would end the comment. */
function inComment(text: string): string {
  return xml(text).replace(/-(?=-)/g, '&#45;');
}
