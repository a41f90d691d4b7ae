import { DepotError, isDepotError } from '../errors.js';
import { removePending, writePending, type PendingRecord } from '../receipt/pending.js';
import { readSidecarBytes } from '../receipt/sidecars.js';
import type { Scene } from './scene.js';
import { step } from './steps.js';

export type SidecarsRecord = Extract<PendingRecord, { stage: 'sidecars' }>;

/**
 * Uploads what lies beside a suitcase: cover, signature, and last the receipt, which is the completion mark. The record
 * follows: what was not delivered is still in it when this throws, whatever it throws.
 */
export async function uploadSidecars({ o, state, agent, hooks }: Scene, record: SidecarsRecord, origin: 'this run' | 'an earlier run'): Promise<void> {
  const remaining = [...record.remainingSidecars];
  let begun = origin === 'an earlier run';
  await writePending(state, record);
  step('sidecars-pending');
  while (remaining.length > 0) {
    o.signal.throwIfAborted();
    const name = remaining[0]!;
    const bytes = await readSidecarBytes(state, name);
    if (bytes === null) hooks.warn(`${state.file(name)} is gone and was not delivered`);
    else {
      const delivery = await agent.remote.putSidecar(name, bytes, begun);
      if (delivery === 'unconfirmed') hooks.warn(`whether ${name} was delivered is not known: the server's last answer was lost, and it does not show the file`);
      if (delivery === 'already-there' && !begun) hooks.warn(`${name} lies at ${agent.address} already, with this size, and was left as it is`);
    }
    begun = false;
    remaining.shift();
    await writePending(state, { ...record, remainingSidecars: [...remaining] });
    step('sidecar-delivered');
  }
  await removePending(state, record.depositId);
}

/**
 * The same for the deposit that was just made, of which nothing can be undone any more: what cannot be delivered goes first
 * in the next push.
 *
 * @throws DepotError 'sidecars-pending', or the reason of a signal, in both cases `published: 'yes'`
 */
export async function deliverSidecars(scene: Scene, record: SidecarsRecord): Promise<void> {
  try {
    await uploadSidecars(scene, record, 'this run');
  } catch (error) {
    if (!isDepotError(error) || error.exit > 128) throw error;
    throw undelivered(record.depositId, scene.o.arrangement.name, 'its sidecars could not be delivered', error);
  }
}

/** Deposited, but: exit 30. */
export function undelivered(depositId: string, arrangement: string, what: string, cause: DepotError): DepotError {
  return new DepotError('sidecars-pending', `deposited, but ${what}: ${cause.message}`, {
    published: 'yes',
    depositId,
    hint: `run: «depot push ${arrangement}»; it delivers them first${cause.hint === undefined ? '' : ` (${cause.hint})`}`,
    cause,
  });
}
