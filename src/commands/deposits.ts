/** What the commands about arrangements share: finding the config, choosing arrangements, asking where it is allowed. */
import { stat } from 'node:fs/promises';
import { nameOf, runAs } from '../accounts.js';
import { DepotError } from '../errors.js';
import type { Arrangement, Config } from '../config/types.js';
import { logInfo } from '../log.js';
import { spelled } from '../suggest.js';
import type { Context, GlobalOptions } from './context.js';
import { usage } from './flags.js';

export async function configFor(o: GlobalOptions, context: Context): Promise<Config> {
  const { loadConfig } = await import('../config/load.js');
  const config = await loadConfig({ flag: o.config, state: o.state, env: context.env, cwd: context.cwd });
  const pusher = await otherPusher(config.state.path);
  if (pusher !== undefined) context.screen.pushesAs(runAs({ name: pusher }, ''));
  logInfo(undefined, `configuration ${config.path}, arrangements: ${config.arrangements.size}`);
  logInfo(undefined, `state directory ${config.state.path} (${config.state.from})`);
  return config;
}

/** The account that pushes, by the owner of the state, if that is not this one. Root may own what it lent to a group, as in Kubernetes. */
async function otherPusher(state: string): Promise<string | undefined> {
  const own = process.geteuid?.();
  const owner = own === undefined ? undefined : (await stat(state).catch(() => null))?.uid;
  return owner === undefined || owner === own || owner === 0 ? undefined : (nameOf(owner) ?? String(owner));
}

/** The arrangements of these names, in the order of the config; without names `whenNone` decides. `several`: the command has `--all`. */
export function chooseArrangements(
  config: Config,
  names: readonly string[],
  whenNone: 'all' | 'only',
  several = true,
): Arrangement[] {
  const known = [...config.arrangements.keys()];
  // Nothing to push and nothing to look at is no success: the file may be the wrong one, or its include may have found nothing.
  if (known.length === 0)
    throw new DepotError('config-invalid', `${config.path} has no arrangements`, {
      hint: 'add one under arrangements:, or check that this is the right file',
    });
  for (const name of names) {
    if (!config.arrangements.has(name)) {
      throw usage(
        `no arrangement ${JSON.stringify(name)} in ${config.path}`,
        spelled(name, known, `name one of: ${known.join(', ')}`),
      );
    }
  }
  const wanted = names.length > 0 ? known.filter((name) => names.includes(name)) : known;
  if (names.length === 0 && whenNone === 'only' && wanted.length !== 1) {
    throw usage(
      `${config.path} has ${wanted.length} arrangements`,
      `name one of: ${known.join(', ')}${several ? '; or take --all' : ''}`,
    );
  }
  return wanted.map((name) => config.arrangements.get(name)!);
}

export function chooseArrangement(config: Config, name: string | undefined): Arrangement {
  const [only] = chooseArrangements(config, name === undefined ? [] : [name], 'only', false);
  return only!;
}

/** Asks a person for something hidden; undefined where nobody can be asked. */
export function hiddenPrompt(context: Context): ((question: string) => Promise<string>) | undefined {
  if (!context.screen.interactive) return undefined;
  return async (question) => {
    const { Prompt } = await import('../ui/prompt.js');
    return context.screen.asking(() =>
      new Prompt({ stdin: context.stdin, stderr: context.screen.stderr, signal: context.signal }).hidden(question),
    );
  };
}

/** Throws the reason when a signal has come. */
export function throwIfAborted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw signal.reason instanceof DepotError
    ? signal.reason
    : new DepotError('interrupted', 'interrupted', { cause: signal.reason });
}
