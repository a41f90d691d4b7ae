/** Puts the lines of a schedule into a crontab, once, and leaves all other lines as they are. */
import { readdir, readFile } from 'node:fs/promises';
import { DepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { shellWord } from '../../shell.js';
import { cronWord } from './cron.js';
import { ask, type Kept, said, type Switch, systemTool } from './switch-on.js';
import { timeOfDay, untilOf } from './tries.js';

export interface Crontab {
  /** The account that it is of; for messages. */
  account: string;
  /** Program and flags: `crontab -u depot`. */
  command: readonly string[];
  env: NodeJS.ProcessEnv;
}

/** Null where this machine has no crontab. `account` is null for this account's own. */
export async function crontabOf(account: string | null, own: string, env: NodeJS.ProcessEnv): Promise<Crontab | null> {
  const program = await systemTool('crontab', env);
  return program === null
    ? null
    : { account: account ?? own, command: account === null ? [program] : [program, '-u', account], env };
}

/** Its lines. One that is not there yet is empty. @throws DepotError 'schedule-failed' */
async function read(table: Crontab): Promise<string> {
  const answer = await ask([...table.command, '-l'], table.env);
  if (answer.status === 0) return answer.output;
  // Vixie's and cronie's words, and those of busybox.
  if (answer.complaints.some((line) => /no crontab for|No such file or directory/i.test(line))) return '';
  throw new DepotError('schedule-failed', `the crontab of ${table.account} cannot be read: ${said(answer)}`, {
    hint: 'see who may have a crontab: ls -l /etc/cron.allow /etc/cron.deny',
  });
}

/** Whether something reads crontabs on this machine, as far as can be seen: containers often have crontab alone. */
export async function cronRuns(): Promise<boolean> {
  const processes = await readdir('/proc').catch(() => null);
  if (processes === null || !processes.includes('self')) return true;
  for (const id of processes) {
    if (!/^\d+$/.test(id)) continue;
    const name = await readFile(`/proc/${id}/comm`, 'utf8').catch(() => '');
    if (/^(?:cron|crond|fcron|cronie)$/.test(name.trim())) return true;
  }
  return false;
}

/** When this configuration is pushed by it; null when it is not. */
export async function keptIn(table: Crontab, config: string): Promise<Kept | null> {
  for (const line of (await read(table)).split('\n')) {
    if (!isOurs(line, config)) continue;
    const [, minute, hours = ''] = /^(\d+) ([\d,]+) \* \* \* .* push /.exec(line) ?? [];
    const [first, ...more] = hours.split(',');
    const at = minute === undefined ? null : timeOfDay(`${first!}:${minute.padStart(2, '0')}`);
    if (at !== null) return { at, until: untilOf(at, 1 + more.length), off: `${typedName(table)} -e` };
  }
  return null;
}

/** `lines` are the schedule's, with comments; `byHand` is what to type instead. */
export async function crontabSwitch(table: Crontab, lines: string, config: string, byHand: string[]): Promise<Switch> {
  const before = await read(table);
  const merged = withLines(before, lines, config);
  const typed = typedName(table);
  const others = before.split('\n').filter((line) => line !== '' && !isOurs(line, config)).length;
  return {
    plan: [
      `the crontab of ${table.account}: a line for the push, and one for the check${others === 0 ? '' : `; its other lines stay`}`,
    ],
    replaces: [],
    done: merged === before,
    async on() {
      // Somebody may have changed it while the question was open.
      const wanted = withLines(await read(table), lines, config);
      const answer = await ask([...table.command, '-'], table.env, wanted);
      if (answer.status !== 0)
        throw new DepotError('schedule-failed', `${typed} refused the lines: ${said(answer)}`, {
          hint: 'see who may have a crontab: ls -l /etc/cron.allow /etc/cron.deny',
        });
      if ((await read(table)).trimEnd() !== wanted.trimEnd())
        throw new DepotError(
          'schedule-failed',
          `the crontab of ${table.account} is not as depot wrote it: something else changed it at the same time`,
          { hint: `see what it has: ${typed} -l` },
        );
      return [`the crontab of ${printable(table.account)} has the lines for the push and the check`];
    },
    byHand,
    off: `${typed} -e`,
  };
}

function typedName({ command }: Crontab): string {
  return ['crontab', ...command.slice(1)].map((word) => shellWord(word)).join(' ');
}

/** The text with these lines in the place of those that are there for this configuration, else at the end. */
export function withLines(text: string, lines: string, config: string): string {
  const kept: string[] = [];
  let at: number | null = null;
  for (const line of text.split('\n')) {
    if (!isOurs(line, config)) {
      kept.push(line);
      continue;
    }
    // The comment is about the line below it.
    if (kept.at(-1)?.startsWith('# depot: ') === true) kept.pop();
    at ??= kept.length;
  }
  while (at === null && kept.at(-1) === '') kept.pop();
  kept.splice(at ?? kept.length, 0, ...lines.trimEnd().split('\n'));
  return `${kept.join('\n').trimEnd()}\n`;
}

/** A line that runs depot with this configuration, as the schedule has it. */
function isOurs(line: string, config: string): boolean {
  return !/^\s*#/.test(line) && / (?:push|status) /.test(line) && `${line} `.includes(` --config ${cronWord(config)} `);
}
