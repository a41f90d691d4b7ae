/** Files of uploads that were given up, which a server may yet put under their names. */
import { isDepotError } from '../errors.js';
import { parseReceipt } from '../receipt/parse.js';
import { depositOf, readStrays, type Stray, writeStrays } from '../state/stray-names.js';
import { timestamp } from '../names/deposit.js';
import type { Removal } from '../sftp/link.js';
import type { PushContext } from './push-context.js';

/** A server has noticed by then: TCP itself takes two hours, and some time-outs are set by the day. */
const watchedMs = 24 * 3600 * 1000;

/** On disk, and said. Not being able to write it down is said too, and costs nothing else. */
export async function rememberStrays({ state, agent, hooks }: PushContext, names: readonly string[]): Promise<void> {
  try {
    const { strays } = await readStrays(state);
    const since = timestamp(new Date());
    await writeStrays(state, [
      ...strays.filter(({ name }) => !names.includes(name)),
      ...names.map((name) => ({ name, server: agent.place, since })),
    ]);
  } catch (error) {
    if (!isDepotError(error)) throw error;
    hooks.warn(`could not record what may still appear at the agent: ${error.message}`, 'act');
  }
  for (const name of names)
    hooks.warn(
      `a truncated file ${name} may still appear at ${agent.address}, once the server notices that the connection was lost; it is not a deposit, and the next push looks for it`,
    );
}

/** Whether a file that was given up may yet come: it was not there, or a lost connection had it open. */
export async function mayAppear(
  { agent: { remote } }: PushContext,
  name: string,
  removal: Removal,
  lost = false,
): Promise<boolean> {
  if (!remote.lostFilesMayAppear) return false;
  return removal === 'removed' ? lost : removal === 'absent' || (await remote.stat(name)) === null;
}

/** Removes what has appeared since, and no receipt names. What has not appeared within a day will not. */
export async function lookForStrays(context: PushContext): Promise<void> {
  const { state, agent, hooks } = context;
  const { strays, unreadable } = await readStrays(state);
  if (unreadable !== null) hooks.warn(`${unreadable}; files of abandoned uploads may be at the agent`, 'act');
  if (strays.length === 0) return;
  const left: Stray[] = [];
  for (const stray of strays) {
    const elsewhere = stray.server.account !== agent.place.account || stray.server.directory !== agent.place.directory;
    const ageMs = Date.now() - Date.parse(stray.since);
    if (elsewhere ? ageMs < 30 * watchedMs : !(await dealtWith(context, stray.name)) && ageMs < watchedMs)
      left.push(stray);
  }
  if (left.length < strays.length) await writeStrays(state, left);
}

/** Whether nothing is left to do: it has appeared, and was removed, or cannot be. */
async function dealtWith({ state, agent, hooks }: PushContext, name: string): Promise<boolean> {
  const { remote, address } = agent;
  const found = await remote.stat(name);
  if (found === null) return false;
  for (const { bytes } of await state.receiptsOf(depositOf(name, state.arrangement)!)) {
    const receipt = parseReceipt(bytes);
    // Whatever was thought of it before: a file that a receipt vouches for is not ours to remove.
    if (receipt.suitcase.name !== name && receipt.transfer.remoteName !== name) continue;
    if (found === 'unreadable' || found.size !== receipt.suitcase.bytes)
      hooks.warn(
        `${name} at ${address} may no longer be complete: compare it with its receipt, and tell the agent`,
        'act',
      );
    return true;
  }
  const removal = await remote.removePartial(name);
  if (removal === 'removed')
    hooks.warn(
      `${name}, from an abandoned upload, has since appeared at ${address}, and was removed: it was not a deposit`,
    );
  else if (removal === 'refused' && found !== 'unreadable')
    hooks.warn(
      `${name}, from an abandoned upload, has appeared at ${address}: it is truncated, and not a deposit; ask the agent to remove it`,
      'act',
    );
  return removal === 'removed' || (removal === 'refused' && found !== 'unreadable');
}
