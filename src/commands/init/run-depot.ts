/** The same program in a process of its own, as the account that pushes: what it may not read shows now, not at night. */
import { type Account, becoming, runAs } from '../../accounts.js';
import { run } from '../../child.js';
import { ownCommand } from '../../installation.js';
import { shellWord } from '../../shell.js';
import type { Context } from '../context.js';

/** A depot that was told to stop first tidies up. */
const depotGraceMs = 60_000;

/** Its exit status. `other` is null for this account itself. */
export async function runDepot(args: readonly string[], other: Account | null, context: Context): Promise<number> {
  const { PATH, LANG, LC_ALL, TERM, NO_COLOR, TZ } = context.env;
  const kept = Object.entries(other === null ? context.env : { PATH, LANG, LC_ALL, TERM, NO_COLOR, TZ });
  context.screen.note(
    `\n$ «${other === null ? '' : runAs(other, '')}depot ${args.map((word) => shellWord(word)).join(' ')}»`,
  );
  const { status } = await run([...(other === null ? [] : becoming(other)), ...ownCommand(), ...args], {
    code: 'internal',
    directory: other === null ? context.cwd : '/',
    env: {},
    // It is depot itself: it gets the secrets that were given to this one.
    setEnv: Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== undefined)),
    stdout: context.screen.stderr,
    stderr: context.screen.stderr,
    signal: context.signal,
    graceMs: depotGraceMs,
    atTerminal: true,
    anyExit: true,
  });
  return status ?? 1;
}
