/** Which arrangements have a record here: those of the configuration, and those that were removed from it since. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { surroundings } from '../../config/locate.js';
import { stateDirectory } from '../../config/state.js';
import type { Config } from '../../config/types.js';
import { isDepotError } from '../../errors.js';
import { localError } from '../../durable-file.js';
import { arrangementPattern } from '../../names/arrangement.js';
import { parseDepositId, parseReceiptName } from '../../names/deposit.js';
import { findReceipt, type ListedReceipt } from '../../state/list.js';
import { ArrangementState } from '../../state/arrangement-state.js';
import { closest, spelled } from '../../suggest.js';
import type { Context, GlobalOptions } from '../context.js';
import { configFor } from '../deposits.js';
import { usage } from '../flags.js';

export interface States {
  directory: string;
  /** False when there is no such directory: nothing can be said of what is in it. */
  exists: boolean;
  /** Null where a state directory was named and there is no configuration: an auditor has only the former. */
  config: Config | null;
  names: string[];
  of(name: string): ArrangementState;
}

/** Throws `usage` for a name that neither the configuration nor the state directory knows. */
export async function statesFor(o: GlobalOptions, names: readonly string[], context: Context): Promise<States> {
  const config = await configOrNull(o, context);
  const directory =
    config?.state.path ?? stateDirectory(surroundings(context.env, context.cwd), { flag: o.state }).path;
  const found = await recorded(directory);
  const known = new Set([...(config?.arrangements.keys() ?? []), ...(found ?? [])]);
  for (const name of names) {
    if (!known.has(name))
      throw usage(
        `no arrangement ${JSON.stringify(name)} in ${directory}`,
        known.size === 0
          ? 'check that this is the right state directory'
          : spelled(name, known, `name one of: ${[...known].join(', ')}`),
      );
  }
  return {
    directory,
    exists: found !== null,
    config,
    names: names.length > 0 ? [...new Set(names)] : [...known].sort(),
    of: (name) => new ArrangementState(directory, name),
  };
}

/** The receipt of an id or the beginning of one; `usage` when none or several fit. */
export async function receiptOf(
  o: GlobalOptions,
  id: string,
  context: Context,
): Promise<{ states: States; state: ArrangementState; found: ListedReceipt }> {
  const name = parseDepositId(id)?.arrangement ?? id.split('_')[0] ?? '';
  if (!id.includes('_')) {
    const { names } = await statesFor(o, [], context);
    const meant = names.includes(id) ? id : closest(id, names);
    throw usage(
      `${JSON.stringify(id)} is ${names.includes(id) ? 'an arrangement, not a' : 'not a'} deposit id`,
      `to find the id of a deposit: «depot receipts list${meant === undefined ? '' : ` ${meant}`}»`,
    );
  }
  const states = await statesFor(o, [name], context);
  const state = states.of(name);
  return { states, state, found: await findReceipt(state, id) };
}

/** Of every deposit that has a receipt here. */
export async function depositIds(o: GlobalOptions, context: Context): Promise<string[]> {
  const states = await statesFor(o, [], context);
  const names = await Promise.all(states.names.map((name) => states.of(name).names()));
  return names
    .flat()
    .map(parseReceiptName)
    .flatMap((parts) => (parts?.superseded === null ? [parts.depositId] : []));
}

async function configOrNull(o: GlobalOptions, context: Context): Promise<Config | null> {
  try {
    return await configFor(o, context);
  } catch (error) {
    const stateIsNamed = o.state !== undefined || Boolean(context.env.DEPOT_STATE_DIR);
    if (isDepotError(error, 'config-not-found') && o.config === undefined && stateIsNamed) return null;
    throw error;
  }
}

/** Null when there is no such directory. */
async function recorded(directory: string): Promise<string[] | null> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && arrangementPattern.test(entry.name))
      .map((entry) => path.basename(entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw localError(error, 'read', directory);
  }
}
