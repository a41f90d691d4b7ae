import { type Job, monitorLine, type Printed } from './job.js';
import { shellWord } from '../../shell.js';
import { afterTries, clockText, statusMinute } from './tries.js';

/**
 * Two lines for the crontab of the account. cron mails whatever is printed: of the push a failure alone, with --quiet. The look
 * at how things stand prints the same every hour until it is mended, so that is mailed once a day, and only where nobody
 * else is told.
 */
export function cronLine(job: Job): Printed {
  const [first] = job.tries;
  const after = afterTries(job.tries);
  const elsewhere = job.told || job.metrics !== undefined;
  const lines = [
    `# depot: ${job.what}${job.tries.length === 1 ? '' : `, with retries every hour until ${clockText(after)}`}; prints nothing on success; cron mails a failure to MAILTO`,
    `${first!.minute} ${job.tries.map(({ hour }) => hour).join(',')} * * * ${words(job.command)}`,
    ...(elsewhere
      ? [
          `# depot: hourly check, for ${[...(job.told ? ['notify and ping'] : []), ...(job.metrics === undefined ? [] : ['Prometheus'])].join(' and ')}; cron mails warnings`,
          `${statusMinute(first!)} * * * * ${words(job.status)} >/dev/null`,
        ]
      : [
          '# depot: daily check; cron mails what needs attention. If you set notify: or ping: in depot.yaml, print this again: the check is then hourly',
          `${after.minute} ${after.hour} * * * ${words(job.status)}`,
        ]),
  ];
  return {
    files: [{ path: 'crontab', contents: `${lines.join('\n')}\n` }],
    paste: [
      ...job.prepare,
      // Root's own crontab would push as root, and leave files that the account cannot write.
      `to install${job.user === undefined ? '' : `, as ${job.user}`}: (crontab -l 2>/dev/null; «depot …») | crontab -`,
      ...(job.user === undefined
        ? []
        : [`or, as root: (crontab -u ${job.user} -l 2>/dev/null; «depot …») | crontab -u ${job.user} -`]),
      'cron mails to the address in MAILTO=ops@example.org, if you add that line above these, otherwise to the account. Without a mail program (sendmail) on this machine, you hear of a failure only through notify, ping or Prometheus',
      `if the machine is off, cron skips the run; monitor with: ${monitorLine(job)}`,
    ],
  };
}

function words(command: readonly string[]): string {
  return command.map(cronWord).join(' ');
}

/**
 * crontab(5): for sh, and every percent sign escaped, since cron makes a newline of it. A backslash before it would escape the
 * other backslash for cron, and not the sign: two quotes stand between, which are nothing for sh.
 */
export function cronWord(word: string): string {
  return shellWord(word)
    .replace(/\\(?=%)/g, "\\''")
    .replace(/%/g, '\\%');
}
