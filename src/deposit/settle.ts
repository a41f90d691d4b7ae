import { signDetached } from '../pgp/signature.js';
import { coverBytes } from '../receipt/cover.js';
import { sidecarNames, timestamp } from '../receipt/ids.js';
import { Ledger } from '../receipt/ledger.js';
import { readPending, removePending, writePending, type PendingRecord } from '../receipt/pending.js';
import { recordReceipt } from '../receipt/record.js';
import type { Receipt } from '../receipt/schema.js';
import type { ArrangementState } from '../receipt/state.js';
import type { Agent } from './agent.js';
import type { DepositKeys } from './keys.js';
import type { PushHooks, PushOptions } from './push.js';
import { deliverSidecars } from './sidecars.js';
import { step } from './steps.js';

type Stage<S extends PendingRecord['stage']> = Extract<PendingRecord, { stage: S }>;
type Answered = Stage<'published' | 'unconfirmed'>;

/** What settling needs; the same for every record. */
interface Desk {
  o: PushOptions;
  state: ArrangementState;
  agent: Agent;
  keys: DepositKeys;
  hooks: Pick<PushHooks, 'warn'>;
}

/**
 * Settles what earlier runs left behind, oldest first, whether they crashed, lost an answer or could not deliver sidecars:
 * every deposit that is at the agent gets its receipt, and what never became one is removed where the server allows it.
 *
 * @throws DepotError of the connection; what the agent does not tell is settled as `unconfirmed` and does not throw
 */
export async function settlePending(o: PushOptions, state: ArrangementState, agent: Agent, keys: DepositKeys, hooks: Pick<PushHooks, 'warn'>): Promise<void> {
  const desk: Desk = { o, state, agent, keys, hooks };
  const { records, unreadable } = await readPending(state);
  for (const { path, reason } of unreadable) hooks.warn(`${path} cannot be read (${reason}); a deposit may be hidden behind it, so it is kept`);
  for (const record of records) {
    if (record.server.account !== agent.place.account || record.server.directory !== agent.place.directory) {
      hooks.warn(`${record.depositId} was begun at ${record.server.account}, which is not where this push goes; it stays pending`);
      continue;
    }
    await settle(desk, record);
  }
}

async function settle(desk: Desk, record: PendingRecord): Promise<void> {
  switch (record.stage) {
    case 'intent':
      return discard(desk, record);
    case 'closing':
    case 'unconfirmed':
      return findOut(desk, record);
    case 'published':
      return file(desk, record);
    case 'sidecars':
      return deliverSidecars(desk.state, desk.agent, record, desk.o.signal, desk.hooks);
  }
}

/** Nothing was closed, so nothing was published: what remains at the agent is no deposit. */
async function discard({ state, agent, hooks }: Desk, record: Stage<'intent'>): Promise<void> {
  const name = record.publish === 'direct' ? record.finalName : record.partialName;
  const removed = await agent.remote.removePartial(name);
  hooks.warn(
    removed
      ? `${record.depositId}, begun by an earlier run, was not deposited; what it left at the agent was removed`
      : `${record.depositId}, begun by an earlier run, was not deposited; ${name} may remain at ${agent.address}: ask the agent to remove it`,
  );
  await removePending(state, record.depositId);
}

/** The answer to close or rename was lost, by a crash or with the connection: a look at the agent settles it, or nothing does. */
async function findOut(desk: Desk, record: Stage<'closing'> | Answered): Promise<void> {
  const { agent, hooks, state } = desk;
  const { partialName, finalName, publish, draft } = record;
  const complete = { partialName: publish === 'direct' ? finalName : partialName, finalName, bytes: draft.suitcase.bytes };
  let found = await agent.remote.settle(complete);
  if (found === 'partial-there') found = await agent.remote.renameAgain(complete);
  if (found === 'published') {
    hooks.warn(`${record.depositId}, begun by an earlier run, is at the agent; its receipt now says so`);
    return file(desk, { ...record, stage: 'published', transfer: confirmed(record), completedAt: now(record) });
  }
  if (record.stage === 'closing') {
    hooks.warn(`${record.depositId}, begun by an earlier run, is possibly deposited: the agent does not show it; its receipt says unconfirmed`);
    await fileReceipt(desk, { ...record, stage: 'unconfirmed', transfer: unconfirmed(record), completedAt: now(record) });
  } else {
    hooks.warn(`${record.depositId} remains unconfirmed: the agent does not show it`);
  }
  await removePending(state, record.depositId);
}

/** The deposit is at the agent: receipt, ledger, sidecars. */
async function file(desk: Desk, record: Answered): Promise<void> {
  await fileReceipt(desk, record);
  step('settled');
  if (!desk.o.arrangement.remote.sidecars) return removePending(desk.state, record.depositId);
  const { depositId, arrangement, schema, partialName, finalName, createdAt, server, publish } = record;
  const base = { depositId, arrangement, schema, partialName, finalName, createdAt, server, publish };
  await deliverSidecars(desk.state, desk.agent, { ...base, stage: 'sidecars', remainingSidecars: sidecarNames(depositId) }, desk.o.signal, desk.hooks);
}

async function fileReceipt({ state, keys }: Desk, record: Answered): Promise<void> {
  await writePending(state, record);
  const { draft, transfer, completedAt } = record;
  const ledger = await Ledger.open(state);
  await recordReceipt({ state, ledger, draft, transfer, completedAt, cover: coverBytes(draft), sign: (bytes) => signDetached(bytes, keys.signer) });
}

function confirmed({ finalName }: PendingRecord): Receipt['transfer'] {
  return { remoteName: finalName, status: 'acknowledged', remoteSize: 'matched', durability: 'size-checked' };
}

function unconfirmed({ finalName }: PendingRecord): Receipt['transfer'] {
  return { remoteName: finalName, status: 'unconfirmed', remoteSize: 'unreadable', durability: 'acknowledged-only' };
}

function now({ createdAt }: PendingRecord): string {
  return [timestamp(new Date()), createdAt].sort().at(-1)!;
}

