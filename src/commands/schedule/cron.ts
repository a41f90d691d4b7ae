import { type Job, monitorLine, type Printed } from './job.js';
import { shellWord } from '../../shell.js';

/** One line for the crontab of the account. cron mails whatever is printed, and with --quiet only a failure prints. */
export function cronLine(job: Job): Printed {
  const { hour, minute } = job.at;
  const line = `${minute} ${hour} * * * ${job.command.map(quoted).join(' ')}`;
  return {
    files: [
      {
        path: 'crontab',
        contents: `# depot: ${job.what}; silence is success, and a failure is mailed to MAILTO\n${line}\n`,
      },
    ],
    paste: [
      ...job.prepare,
      // Root's own crontab would push as root, and leave files that the account cannot write.
      `to install${job.user === undefined ? '' : `, as ${job.user}`}: (crontab -l 2>/dev/null; «depot …») | crontab -`,
      ...(job.user === undefined
        ? []
        : [`or, as root: (crontab -u ${job.user} -l 2>/dev/null; «depot …») | crontab -u ${job.user} -`]),
      `missed runs are not made up for; monitor with: ${monitorLine(job)}`,
    ],
  };
}

/**
 * crontab(5): for sh, and every percent sign escaped, since cron makes a newline of it. A backslash before it would escape the
 * other backslash for cron, and not the sign: two quotes stand between, which are nothing for sh.
 */
function quoted(word: string): string {
  return shellWord(word)
    .replace(/\\(?=%)/g, "\\''")
    .replace(/%/g, '\\%');
}
