import { channel } from 'node:diagnostics_channel';

/**
 * The points of a push after which the world is different: what is on disk, what is at the agent. Each is published on
 * the diagnostics channel `depot:step`, so that a test can stop the process exactly there; nothing in depot listens.
 */
export type Step =
  | 'locked'
  | 'connected'
  | 'intent-written'
  | 'partial-created'
  | 'first-block-sent'
  | 'sealed'
  | 'draft-written'
  | 'published'
  | 'outcome-written'
  | 'receipt-filed'
  | 'sidecar-delivered'
  | 'settled';

const steps = channel('depot:step');

export function step(name: Step): void {
  if (steps.hasSubscribers) steps.publish({ step: name });
}
