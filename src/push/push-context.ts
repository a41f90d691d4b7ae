import type { Ledger } from '../state/ledger.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import type { Agent } from './agent.js';
import type { DepositKeys } from './deposit-keys.js';
import type { PushHooks, PushOptions } from './push-types.js';
import type { Run } from './run.js';

/** What the steps of a push share once it is logged in. */
export interface PushContext {
  /** `signal` is also aborted when the lock is lost. */
  o: PushOptions;
  state: ArrangementState;
  agent: Agent;
  keys: DepositKeys;
  ledger: Ledger;
  run: Run;
  hooks: PushHooks;
}
