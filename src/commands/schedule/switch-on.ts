/** What switching a schedule on has in common, whatever keeps it: systemd or cron. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../../child.js';
import type { TimeOfDay } from '../../clock.js';
import { DepotError, isDepotError } from '../../errors.js';
import { requireTrusted } from '../../permissions.js';
import { printable } from '../../printable.js';

/** When pushes are tried each night. */
export interface Times {
  at: TimeOfDay;
  until: TimeOfDay;
}

/** A schedule that is switched on. */
export interface Kept extends Times {
  /** To type when it is not wanted any more. */
  off: string;
}

/** A schedule that can be switched on. */
export interface Switch {
  /** What it puts where, a line each. */
  plan: string[];
  /** Files with other contents in whose place it would put its own: somebody may have changed them by hand. */
  replaces: string[];
  /** Nothing but this is left to do: it is switched on already, in these very words. */
  done: boolean;
  /**
   * Switches it on; returns what was done, a line each.
   *
   * @throws DepotError 'schedule-failed', which says what was done before that
   */
  on(): Promise<string[]>;
  /** To type instead. */
  byHand: string[];
  /** To type when it is not wanted any more. */
  off: string;
}

/** A program that changes this machine. Root does not run one that another account could have put on the way. */
export async function systemTool(name: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  for (const directory of (env.PATH ?? '').split(path.delimiter)) {
    if (!path.isAbsolute(directory)) continue;
    const file = path.join(directory, name);
    const there = await stat(file).catch(() => null);
    if (there?.isFile() !== true) continue;
    if (
      await access(file, constants.X_OK).then(
        () => false,
        () => true,
      )
    )
      continue;
    if (process.geteuid?.() === 0)
      await requireTrusted(file, there).catch((error: unknown) => {
        if (!isDepotError(error)) throw error;
        throw new DepotError('schedule-failed', error.message, {
          hint: "take it out of PATH, or make it root's alone",
        });
      });
    return file;
  }
  return null;
}

/** Its output. Whatever it says is in English, since some of it is looked at. */
export async function ask(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  input?: string,
): Promise<{ status: number | null; output: string; complaints: string[] }> {
  const { status, output, complaints } = await run(argv, {
    code: 'schedule-failed',
    directory: '/',
    env,
    setEnv: { LC_ALL: 'C' },
    stdout: 'keep',
    anyExit: true,
    timeoutMs: 60_000,
    ...(input !== undefined && { input }),
  });
  return { status, output: output.toString('utf8'), complaints };
}

/** How a program said no, for the end of a message. */
export function said({ status, complaints }: { status: number | null; complaints: string[] }): string {
  const last = complaints.at(-1);
  return last === undefined ? `exit status ${status ?? '?'}` : printable(last);
}
