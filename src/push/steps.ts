import { channel } from 'node:diagnostics_channel';

/** The points of a push after which the world is different, on `depot:step`: there a test can stop the process. */
export const stepNames = [
  'locked',
  'connected',
  // Of what earlier runs left.
  'earlier-receipt-filed',
  'resumed',
  'settled-earlier',
  // Of this run's deposit, with a spool also those of the next line.
  'intent-written',
  'partial-created',
  'first-block-sent',
  'sealed',
  'draft-written',
  'published',
  'outcome-written',
  'receipt-filed',
  'sidecars-pending',
  'sidecar-delivered',
  'settled',
  'first-block-spooled',
  'spool-verified',
  'checkpoint-written',
] as const;
export type Step = (typeof stepNames)[number];

const steps = channel('depot:step');

/** Says that the push has come to this point. */
export function step(name: Step): void {
  if (steps.hasSubscribers) steps.publish({ step: name });
}
