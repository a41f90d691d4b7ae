/** Puts the units of a schedule where systemd looks for them, and enables the timers. */
import { lstat, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { succeeds } from '../../abort.js';
import { writeFileAtomic } from '../../durable-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import { requireOwnPlace } from '../../permissions.js';
import type { Printed } from './job.js';
import { ask, type Kept, said, type Switch, systemTool } from './switch-on.js';
import { commandWord, unitDirectory } from './systemd.js';
import { timeOfDay, untilOf } from './tries.js';

const timers = ['depot.timer', 'depot-status.timer'];
const off = `systemctl disable --now ${timers.join(' ')}`;

/** Whether systemd runs this machine, as sd_booted(3) looks. */
export function isSystemd(): Promise<boolean> {
  return succeeds(stat('/run/systemd/system'));
}

/** When this configuration is pushed by an enabled timer; null when it is not. */
export async function keptByUnits(config: string, env: NodeJS.ProcessEnv): Promise<Kept | null> {
  const service = await textOf('depot.service');
  const timer = await textOf('depot.timer');
  if (service === undefined || timer === undefined || !isOurs(service ?? '', config)) return null;
  const [first, more] = [...(timer ?? '').matchAll(/^OnCalendar=\*-\*-\* ([\d,]+):(\d\d)(?::00)?$/gm)];
  const at = first === undefined ? null : timeOfDay(`${first[1]!}:${first[2]!}`);
  if (at === null || !(await areEnabled(env))) return null;
  return { at, until: untilOf(at, 1 + (more?.[1]?.split(',').length ?? 0)), off };
}

/** `byHand` is what to type instead. */
export async function unitsSwitch(files: Printed['files'], env: NodeJS.ProcessEnv, byHand: string[]): Promise<Switch> {
  const found = await Promise.all(
    files.map(async ({ path: name, contents }) => ({
      name: path.basename(name),
      contents,
      there: await textOf(path.basename(name)),
    })),
  );
  const missing = found.filter(({ contents, there }) => contents !== there);
  return {
    plan: missing.map(({ name }) => `${unitDirectory}/${name}`),
    replaces: missing.filter(({ there }) => there !== null).map(({ name }) => `${unitDirectory}/${name}`),
    done: missing.length === 0 && (await areEnabled(env)),
    async on() {
      const systemctl = await systemTool('systemctl', env);
      if (systemctl === null) throw new DepotError('schedule-failed', 'there is no systemctl on this machine');
      const did: string[] = [];
      for (const { name, contents } of missing) {
        const file = `${unitDirectory}/${name}`;
        await put(file, contents).catch((error: unknown) => {
          if (!isDepotError(error)) throw error;
          throw failed(error.message, did, error.hint);
        });
        did.push(`written: ${file}`);
      }
      for (const words of [['daemon-reload'], ['enable', '--now', ...timers]]) {
        const answer = await ask([systemctl, ...words], env);
        if (answer.status !== 0)
          throw failed(`systemctl ${words.join(' ')} failed: ${said(answer)}`, did, 'type it by hand to see why');
      }
      return [...did, `enabled: ${timers.join(', ')}`];
    },
    byHand,
    off,
  };
}

/** Not through a link, nor where another account could put one: the new file takes the name itself. */
async function put(file: string, contents: string): Promise<void> {
  await requireOwnPlace(file, 0);
  // Units are no secret, and systemd complains about ones that only root reads.
  await writeFileAtomic(file, contents, 0o644);
}

function failed(message: string, did: readonly string[], hint: string | undefined): DepotError {
  const so = did.length === 0 ? 'nothing was changed' : `already done: ${did.join('; ')}`;
  return new DepotError('schedule-failed', `${message} (${so})`, { hint });
}

async function areEnabled(env: NodeJS.ProcessEnv): Promise<boolean> {
  const systemctl = await systemTool('systemctl', env);
  if (systemctl === null) return false;
  for (const timer of timers)
    if ((await ask([systemctl, 'is-enabled', '--quiet', timer], env)).status !== 0) return false;
  return true;
}

/** Null where there is nothing, and undefined for what is no file to read: a link, a directory. */
async function textOf(name: string): Promise<string | null | undefined> {
  const file = path.join(unitDirectory, name);
  const there = await lstat(file).catch(() => null);
  if (there === null) return null;
  return there.isFile() ? readFile(file, 'utf8') : undefined;
}

/** Whether the service runs depot with this configuration. */
function isOurs(service: string, config: string): boolean {
  const [command = ''] = /^ExecStart=.*$/m.exec(service) ?? [];
  return `${command} `.includes(` --config ${commandWord(config)} `);
}
