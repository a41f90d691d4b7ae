import { DepotError, isDepotError } from '../errors.js';
import { coverBytes } from '../receipt/cover.js';
import { newDepositId, partialName, sidecarNames, suitcaseName, timestamp } from '../receipt/ids.js';
import { Ledger } from '../receipt/ledger.js';
import { removePending, writePending, type PendingRecord } from '../receipt/pending.js';
import { checkDraft, recordReceipt } from '../receipt/record.js';
import type { ReceiptDraft } from '../receipt/schema.js';
import type { ArrangementState } from '../receipt/state.js';
import { signDetached } from '../pgp/signature.js';
import { chooseCompression } from '../seal/compress.js';
import { startSealing, type Sealing } from '../seal/sealing.js';
import type { SealProgress } from '../seal/messages.js';
import { deadPartial, type Upload } from '../sftp/upload.js';
import type { Agent } from './agent.js';
import { datasetOf } from './dataset.js';
import { draftReceipt, makeEnvelope } from './draft.js';
import type { DepositKeys } from './keys.js';
import type { Deposit, PushHooks, PushOptions } from './push.js';
import type { Run } from './run.js';
import { deliverSidecars } from './sidecars.js';
import { step } from './steps.js';

/** What the steps of one deposit share. */
interface Scene {
  o: PushOptions;
  state: ArrangementState;
  agent: Agent;
  keys: DepositKeys;
  ledger: Ledger;
  run: Run;
  hooks: PushHooks;
}

/**
 * Makes the deposit: from the intent on disk to the last sidecar. When the partial at the agent is lost on the way, it starts
 * again under a new id, as long as all sources can be read again.
 *
 * @throws DepotError; with `published` 'unknown' or 'yes' where the suitcase is, or may be, at the agent
 */
export async function makeDeposit(o: PushOptions, state: ArrangementState, agent: Agent, keys: DepositKeys, run: Run, hooks: PushHooks): Promise<{ deposit: Deposit; newLedger: boolean }> {
  const ledger = await Ledger.open(state);
  ledger.warnings.forEach((warning) => hooks.warn(warning));
  const scene: Scene = { o, state, agent, keys, ledger, run, hooks };
  const newLedger = ledger.created;
  const startAgainUntil = Date.now() + o.retryForMs;
  for (;;) {
    try {
      return { deposit: await depositOnce(scene), newLedger };
    } catch (error) {
      if (!deadPartial(error) || !canReadAgain(o) || Date.now() > startAgainUntil) throw error;
      hooks.warn(`${(error as Error).message}; starting again under a new id`);
    }
  }
}

async function depositOnce(scene: Scene): Promise<Deposit> {
  const { o, state, agent, keys, run, hooks } = scene;
  const startedAt = new Date();
  const depositId = newDepositId(o.arrangement.name, startedAt);
  run.depositId = depositId;
  run.bytes = null;
  const compression = chooseCompression(o.arrangement.compression);
  const envelope = await makeEnvelope(depositId, keys);

  const intent: PendingRecord = {
    schema: 'depot.pending/1',
    stage: 'intent',
    depositId,
    arrangement: o.arrangement.name,
    partialName: partialName(depositId),
    finalName: suitcaseName(depositId, compression),
    createdAt: timestamp(startedAt),
    server: agent.place,
    publish: o.arrangement.remote.publish,
  };
  await writePending(state, intent);
  step('intent-written');

  const upload = await createPartial(scene, intent);
  step('partial-created');

  hooks.phase('sealing');
  const progress = new PushProgress(hooks, agent);
  const sealing = startSealing(
    { dataset: datasetOf(o, depositId), compression, pkesk: envelope.pkesk, sessionKey: envelope.sessionKey, encryption: keys.encryption },
    { signal: o.signal, warn: (message) => hooks.warn(message), progress: (read) => progress.dataset(read) },
  );
  envelope.sessionKey.fill(0);
  upload.onReleased((block) => sealing.release(block));

  const { draft, transfer } = await uploadOrAbandon(scene, upload, sealing, intent, async () => {
    for await (const block of sealing.blocks) {
      await upload.write(block);
      step('first-block-sent');
      progress.sealed(block.length);
    }
    const sealed = await sealing.result;
    step('sealed');
    hooks.phase('finishing');
    const draft = draftReceipt({ config: o.config, keys, envelope, depositId, startedAt, compression, sealed });
    checkDraft(draft);
    const transfer = await upload.complete({
      beforeClose: async () => {
        await writePending(state, { ...intent, stage: 'closing', draft });
        step('draft-written');
        run.bytes = sealed.bytes;
      },
    });
    return { draft, transfer };
  });
  run.published = transfer.status === 'acknowledged' ? 'yes' : 'unknown';
  step('published');
  return recordOutcome(scene, intent, draft, transfer);
}

/** From here on nothing is given up: the deposit is, or may be, at the agent, and everything left is local or can be done later. */
async function recordOutcome({ o, state, agent, keys, ledger, hooks }: Scene, intent: PendingRecord, draft: ReceiptDraft, answer: Awaited<ReturnType<Upload['complete']>>): Promise<Deposit> {
  const { depositId } = intent;
  const { reason, hint, ...transfer } = answer;
  const unconfirmed = transfer.status === 'unconfirmed';
  // A clock that was set back must not make a receipt that ended before it began.
  const completedAt = [timestamp(new Date()), draft.startedAt].sort().at(-1)!;
  const outcome = { ...intent, stage: unconfirmed ? 'unconfirmed' : 'published', draft, transfer, completedAt } as PendingRecord;
  await writePending(state, outcome);
  step('outcome-written');

  const cover = coverBytes(draft);
  const sign = (bytes: Uint8Array): Promise<string> => signDetached(bytes, keys.signer);
  const { receipt, path } = await recordReceipt({ state, ledger, draft, transfer, completedAt, cover, sign });
  step('receipt-filed');
  const deposit: Deposit = { depositId, suitcase: receipt.suitcase.name, receiptPath: path, receipt };
  if (unconfirmed) {
    throw new DepotError('unconfirmed', `${reason ?? "the server's last answer was lost"}: possibly deposited as ${depositId}`, {
      published: 'unknown',
      depositId,
      hint: hint ?? `run: depot push ${o.arrangement.name}; it looks again and settles it`,
    });
  }
  if (o.arrangement.remote.sidecars) {
    const sidecars = { ...intent, stage: 'sidecars', remainingSidecars: sidecarNames(depositId) } as const;
    await deliverSidecars(state, agent, sidecars, o.signal, hooks);
  } else {
    await removePending(state, depositId);
  }
  step('settled');
  if (o.signal.aborted) throw interruptedAfter(o.signal, depositId);
  return deposit;
}

/** The exclusive create. The intent goes when the server said no: then nothing is there. */
async function createPartial({ state, agent }: Scene, intent: PendingRecord): Promise<Upload> {
  try {
    return await agent.remote.createUpload({ partialName: intent.partialName, finalName: intent.finalName });
  } catch (error) {
    if (isDepotError(error) && error.exit === 15) await removePending(state, intent.depositId);
    throw error;
  }
}

async function uploadOrAbandon<T>({ state, agent, run, hooks }: Scene, upload: Upload, sealing: Sealing, intent: PendingRecord, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await sealing.stop();
    const { removed } = await upload.abandon().catch(() => ({ removed: false }));
    // Once the draft was written the name can have appeared, unless the partial was still there to be removed.
    const said = isDepotError(error) ? error.published : undefined;
    run.published = removed ? 'no' : (said ?? (run.bytes === null ? 'no' : 'unknown'));
    if (removed) await removePending(state, intent.depositId);
    else {
      const left = intent.publish === 'direct' ? `a truncated file ${intent.finalName}` : intent.partialName;
      hooks.warn(`${left} may remain at ${agent.address}; the next push removes it where the server allows that`);
    }
    throw error;
  } finally {
    await sealing.stop();
  }
}

function canReadAgain(o: PushOptions): boolean {
  return o.arrangement.sources.every((source) => source.kind !== 'stdin');
}

function interruptedAfter(signal: AbortSignal, depositId: string): DepotError {
  const reason: unknown = signal.reason;
  const code = isDepotError(reason) ? reason.code : 'interrupted';
  return new DepotError(code, `${isDepotError(reason) ? reason.message : 'interrupted'} after the deposit was complete; its receipt is written`, { published: 'yes', depositId });
}

/** Joins what the sealing thread and the transport each know of. */
class PushProgress {
  readonly #hooks: PushHooks;
  readonly #agent: Agent;
  readonly #seen = { entries: 0, datasetBytes: 0, sealedBytes: 0 };

  constructor(hooks: PushHooks, agent: Agent) {
    this.#hooks = hooks;
    this.#agent = agent;
  }

  dataset({ entries, bytes }: SealProgress): void {
    Object.assign(this.#seen, { entries, datasetBytes: bytes });
    this.#tell();
  }

  sealed(bytes: number): void {
    this.#seen.sealedBytes += bytes;
    this.#tell();
  }

  #tell(): void {
    this.#hooks.progress({ ...this.#seen, acknowledgedBytes: this.#agent.stats.acknowledged });
  }
}
