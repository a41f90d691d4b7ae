/** After depot.yaml is written: host key, password, doctor, dry run, schedule. Each is done once; a second run goes on where one ended. */
import { stat } from 'node:fs/promises';
import { type Account, runAs } from '../../accounts.js';
import { loadConfig } from '../../config/load.js';
import { printable } from '../../printable.js';
import { stateOwner } from '../../doctor/access.js';
import type { Context } from '../context.js';
import { shellWord } from '../../shell.js';
import { pusherOf } from './account.js';
import { otherThanThis, ready } from './ready.js';
import { runDepot } from './run-depot.js';
import type { Talk } from './talk.js';

/** Returns the exit status, and the lines that are left to type. */
export async function finish(
  file: string,
  at: string | undefined,
  talk: Talk,
  context: Context,
): Promise<{ exit: number; next: string[] }> {
  const config = await loadConfig({ flag: file, env: context.env, cwd: context.cwd });
  if ((await pusherOf(config, talk))?.uid === 0)
    talk.say(`Pushes run as root, which owns ${printable(config.state.path)}.`);
  const goOn = [`depot init --config ${shellWord(file)}    # goes on here, once you have fixed that`];
  const names = [...config.arrangements.keys()];
  for (const name of names) {
    const exit = await ready(name, file, talk, context);
    if (exit !== 0) return { exit, next: goOn };
  }
  const owner = await stateOwner(config);
  const other = otherThanThis(owner);
  if (await talk.confirm('Do a trial run now? It reads and encrypts everything but uploads nothing.', true)) {
    const exit = await runDepot(
      ['push', ...(names.length === 1 ? names : ['--all']), '--dry-run', '--config', file],
      other,
      context,
    );
    if (exit !== 0) return { exit, next: goOn };
  }
  return { exit: 0, next: await scheduleLines(file, at, names.length > 1, owner, other, talk) };
}

async function scheduleLines(
  file: string,
  given: string | undefined,
  several: boolean,
  owner: Account | undefined,
  other: Account | null,
  talk: Talk,
): Promise<string[]> {
  const at =
    given ??
    (await talk.text('At what time of day should it run?', {
      fallback: '01:30',
      check: (time) => (/^([01]?\d|2[0-3]):[0-5]\d$/.test(time) ? undefined : 'a time of day like 01:30'),
    }));
  const where = `--config ${shellWord(file)}`;
  const first = `${other === null ? '' : runAs(other, '')}depot push${several ? ' --all' : ''} ${where}    # the first deposit, now`;
  const root = process.geteuid?.() === 0;
  if (process.platform === 'win32')
    return [
      first,
      `depot schedule print windows --at ${at} ${where} --out .    # writes depot.xml and depot-status.xml, and says how to register both`,
    ];
  const systemd = await stat('/run/systemd/system').then(
    () => true,
    () => false,
  );
  if (root && systemd) {
    return [
      first,
      `depot schedule print systemd --at ${at} ${where} --out /etc/systemd/system    # add --requires with the unit of the VPN`,
      'systemctl daemon-reload && systemctl enable --now depot.timer depot-status.timer',
    ];
  }
  const table = root && owner !== undefined ? `crontab -u ${owner.name}` : 'crontab';
  return [first, `(${table} -l 2>/dev/null; depot schedule print cron --at ${at} ${where}) | ${table} -`];
}
