/** Who hears of a night that fails: `ping:` and `notify:` of depot.yaml. */
import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Account, obstacle } from '../../accounts.js';
import { withTopKey } from '../../config/edit.js';
import { pingWarnings, wrongInPingUrl } from '../../config/ping.js';
import type { Config } from '../../config/types.js';
import { printable } from '../../printable.js';
import { commandWords, shellWord } from '../../shell.js';
import type { Context } from '../context.js';
import { rewrite } from './rewrite.js';
import type { Talk } from './talk.js';

export interface Told {
  ping?: string | undefined;
  notify?: readonly string[] | undefined;
}

/** What is wrong with a command, or with an address that cannot be connected to; null when nothing is known against it. */
export interface Tries {
  command: (command: readonly string[]) => Promise<string | null>;
  ping: (url: string) => Promise<string | null>;
}

export async function askTold(talk: Talk, tries: Tries): Promise<Told> {
  const who = await talk.choose('Who should depot notify when a push fails?', [
    { value: 'ping', label: 'a monitor: depot pings an address from Healthchecks or a similar service' },
    { value: 'notify', label: 'a command that mails somebody or raises an alarm' },
    { value: 'nobody', label: 'nobody' },
  ]);
  if (who === 'nobody') return {};
  if (who === 'ping') return { ping: await askPing(talk, tries) };
  for (;;) {
    const line = await talk.text('Command to run, with its arguments', {
      check: (text) => {
        const words = commandWords(text);
        return 'wrong' in words ? words.wrong : undefined;
      },
    });
    const words = commandWords(line);
    if ('wrong' in words) continue;
    const problem = await tries.command(words.value);
    if (problem === null) return { notify: words.value };
    talk.say(`  ${problem}`);
    if (await talk.confirm('Use it anyway?', false)) return { notify: words.value };
  }
}

/** That the monitor knows the address shows at the first ping: one to try it out would be news of a push. */
async function askPing(talk: Talk, tries: Tries): Promise<string> {
  for (;;) {
    const url = await talk.text('Address to ping ({arrangement} stands for the name)', {
      check: (given) => wrongInPingUrl(given) ?? undefined,
    });
    const problem = await tries.ping(url);
    if (problem === null) return url;
    talk.say(`  ${problem}`);
    const then = await talk.choose('What now?', [
      { value: 'correct', label: 'correct the address' },
      { value: 'keep', label: 'keep it: it will be there at night' },
    ]);
    if (then === 'keep') return url;
  }
}

/** The text of depot.yaml with it; null where the file is not plain enough. */
export function withTold(text: string, told: Told): string | null {
  return inYaml(told).reduce<string | null>(
    (soFar, [key, written]) => (soFar === null ? null : withTopKey(soFar, key, written)),
    text,
  );
}

export interface Written {
  /** False where it is left to be written by hand. */
  ok: boolean;
  /** What was written, or is to be, a line each. */
  lines: string[];
}

/** Into depot.yaml, as far as it does not say so already. */
export async function writeTold(told: Told, config: Config, context: Context): Promise<Written> {
  const { ping = config.ping?.url, notify = config.notify?.command } = told;
  const wanted: Told = {
    ...(ping !== config.ping?.url && { ping }),
    ...(JSON.stringify(notify) !== JSON.stringify(config.notify?.command) && { notify }),
  };
  const keys = inYaml(wanted);
  if (keys.length === 0) return { ok: true, lines: [] };
  const written = await rewrite(
    config.path,
    (text) => withTold(text, wanted),
    (now) => now.ping?.url === ping && JSON.stringify(now.notify?.command) === JSON.stringify(notify),
    context,
  );
  const file = printable(config.path);
  const what = written
    ? `added to ${file}: ${keys.map(([key]) => key).join(', ')}`
    : `depot cannot change ${file} by itself. Add this to it:\n${keys.map(([key, value]) => `  ${key}: ${value}`).join('\n')}`;
  const warnings = wanted.ping === undefined ? [] : pingWarnings(wanted.ping, config.arrangements.size);
  return { ok: written, lines: [what, ...warnings] };
}

function inYaml({ ping, notify }: Told): [key: string, written: string][] {
  return [
    ...(ping === undefined
      ? []
      : [['ping', `{ url: ${JSON.stringify(ping)}, on: [start, success, failure] }`] as [string, string]]),
    ...(notify === undefined
      ? []
      : [
          [
            'notify',
            `{ command: [${notify.map((word) => JSON.stringify(word)).join(', ')}], on: [failure, stale, killed, shrink] }`,
          ] as [string, string],
        ]),
  ];
}

/** Where cron looks; the others look there too. */
const everywhere = ['/usr/bin', '/bin'];

/** Why `account` cannot run it at night; null when nothing is known against it. It is not tried: it would tell somebody. */
export async function whyNotRun(
  [program = '']: readonly string[],
  directory: string,
  account: Account | undefined,
): Promise<string | null> {
  if (process.platform === 'win32') return null;
  const places = program.includes('/')
    ? [path.resolve(directory, program)]
    : everywhere.map((one) => `${one}/${program}`);
  for (const file of places) {
    if ((await stat(file).catch(() => null))?.isFile() !== true) continue;
    const met =
      account === undefined || account.uid === process.geteuid?.()
        ? await access(file, constants.X_OK).then(
            () => null,
            () => ({ path: file }),
          )
        : await obstacle(account, file, 'run');
    if (met === null) return null;
    return `${account === undefined ? 'this account' : `account ${account.name}`} cannot run ${printable(file)}${met.path === file ? `: chmod +x ${printable(shellWord(file))}` : ` (${printable(met.path)} keeps it out)`}`;
  }
  return program.includes('/')
    ? `there is no program ${printable(places[0]!)}`
    : `there is no ${printable(program)} in ${everywhere.join(' or ')}, where a schedule looks: give its full path`;
}
