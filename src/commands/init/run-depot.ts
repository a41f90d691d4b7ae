/** The same program in a process of its own, as the account that pushes: what it may not read shows now, not at night. */
import { type Account, becoming, inInit, runAs } from '../../accounts.js';
import { run } from '../../child.js';
import { ownCommand } from '../../installation.js';
import { shellWord } from '../../shell.js';
import type { Context } from '../context.js';

/** A depot that was told to stop first tidies up. */
const depotGraceMs = 60_000;

/** Its exit status. `other` is null for this account itself. */
export async function runDepot(args: readonly string[], other: Account | null, context: Context): Promise<number> {
  context.screen.note(
    `\n$ «${other === null ? '' : runAs(other, '')}depot ${args.map((word) => shellWord(word)).join(' ')}»`,
  );
  const { argv, ...started } = startOf(args, other, context);
  const { status } = await run(argv, {
    code: 'internal',
    ...started,
    stdout: context.screen.stderr,
    stderr: context.screen.stderr,
    graceMs: depotGraceMs,
    atTerminal: true,
    anyExit: true,
  });
  return status ?? 1;
}

/** What it prints when it is given `input`. Throws 'source-failed' where `other` cannot run it. */
export async function askDepot(args: readonly string[], input: string, other: Account, context: Context) {
  const { argv, ...started } = startOf(args, other, context);
  const { output } = await run(argv, { code: 'source-failed', ...started, input, stdout: 'keep' });
  return output.toString('utf8');
}

function startOf(args: readonly string[], other: Account | null, { env, cwd, signal }: Context) {
  const { PATH, LANG, LC_ALL, TERM, NO_COLOR, TZ } = env;
  const kept = Object.entries(other === null ? env : { PATH, LANG, LC_ALL, TERM, NO_COLOR, TZ });
  return {
    argv: [...(other === null ? [] : becoming(other)), ...ownCommand(), ...args],
    directory: other === null ? cwd : '/',
    env: {},
    // It is depot itself: it gets the secrets that were given to this one.
    setEnv: {
      ...Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== undefined)),
      ...inInit(other),
    },
    signal,
  };
}
