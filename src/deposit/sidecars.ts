import { DepotError, isDepotError } from '../errors.js';
import { removePending, writePending, type PendingRecord } from '../receipt/pending.js';
import { readSidecarBytes } from '../receipt/sidecars.js';
import type { ArrangementState } from '../receipt/state.js';
import type { Agent } from './agent.js';
import type { PushHooks } from './push.js';
import { step } from './steps.js';

type SidecarsRecord = Extract<PendingRecord, { stage: 'sidecars' }>;

/**
 * Uploads what lies beside a suitcase: cover, signature, and last the receipt, which is the completion mark. What cannot be
 * delivered stays pending and goes first in the next push.
 *
 * @throws DepotError 'sidecars-pending', or the reason of a signal, in both cases `published: 'yes'`
 */
export async function deliverSidecars(state: ArrangementState, agent: Agent, record: SidecarsRecord, signal: AbortSignal, hooks: Pick<PushHooks, 'warn'>): Promise<void> {
  const { depositId } = record;
  const remaining = [...record.remainingSidecars];
  await writePending(state, record);
  try {
    while (remaining.length > 0) {
      signal.throwIfAborted();
      const name = remaining[0]!;
      const bytes = await readSidecarBytes(state, name);
      if (bytes === null) hooks.warn(`${state.file(name)} is gone and was not delivered`);
      else await agent.remote.putSidecar(name, bytes);
      remaining.shift();
      await writePending(state, { ...record, remainingSidecars: [...remaining] });
      step('sidecar-delivered');
    }
  } catch (error) {
    if (!isDepotError(error) || error.exit > 128) throw error;
    throw new DepotError('sidecars-pending', `deposited, but ${remaining.join(', ')} could not be delivered: ${error.message}`, {
      published: 'yes',
      depositId,
      hint: `run: depot push ${state.arrangement}; it delivers them first${error.hint === undefined ? '' : ` (${error.hint})`}`,
      cause: error,
    });
  }
  await removePending(state, depositId);
}
