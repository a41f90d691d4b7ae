import { isDepotError } from '../errors.js';
import { newDepositId, partialName, suitcaseName, timestamp } from '../receipt/ids.js';
import { removePending, writePending, type PendingRecord } from '../receipt/pending.js';
import { checkDraft } from '../receipt/record.js';
import { reserveSpace } from '../receipt/reserve.js';
import type { ReceiptDraft } from '../receipt/schema.js';
import { chooseCompression, type CompressionFormat } from '../seal/compress.js';
import { startSealing, type Sealing } from '../seal/sealing.js';
import type { SealResult } from '../seal/messages.js';
import type { Transfer } from '../sftp/types.js';
import { deadPartial, type Upload } from '../sftp/upload.js';
import { datasetOf } from './dataset.js';
import { draftReceipt, makeEnvelope, type Envelope } from './draft.js';
import { recordOutcome } from './outcome.js';
import { PushProgress } from './progress.js';
import type { Deposit } from './push.js';
import type { Scene } from './scene.js';
import { spooledDeposit } from './spooled.js';
import { step } from './steps.js';

/**
 * Makes the deposit: from the intent on disk to the last sidecar. When the partial at the agent is lost on the way, it starts
 * again under a new id, as long as all sources can be read again.
 *
 * @throws DepotError; with `published` 'unknown' or 'yes' where the suitcase is, or may be, at the agent
 */
export async function makeDeposit(scene: Scene): Promise<Deposit> {
  const { o, hooks } = scene;
  if (o.arrangement.spool) return spooledDeposit(scene, beginDeposit(scene));
  const startAgainUntil = Date.now() + o.retryForMs;
  for (;;) {
    try {
      return await streamedDeposit(scene, beginDeposit(scene));
    } catch (error) {
      if (!deadPartial(error) || !canReadAgain(scene) || Date.now() > startAgainUntil) throw error;
      hooks.warn(`${(error as Error).message}; starting again under a new id`);
    }
  }
}

/** A deposit that has a name and nothing else yet. */
export interface Beginning {
  intent: Extract<PendingRecord, { stage: 'intent' }>;
  startedAt: Date;
  compression: CompressionFormat;
}

function beginDeposit({ o, agent, run }: Scene): Beginning {
  const startedAt = new Date();
  const depositId = newDepositId(o.arrangement.name, startedAt);
  run.depositId = depositId;
  run.bytes = null;
  const compression = chooseCompression(o.arrangement.compression);
  const intent = {
    schema: 'depot.pending/1',
    stage: 'intent',
    depositId,
    arrangement: o.arrangement.name,
    partialName: partialName(depositId),
    finalName: suitcaseName(depositId, compression),
    createdAt: timestamp(startedAt),
    server: agent.place,
    publish: o.arrangement.remote.publish,
  } as const;
  return { intent, startedAt, compression };
}

async function streamedDeposit(scene: Scene, beginning: Beginning): Promise<Deposit> {
  const { state, hooks } = scene;
  const { intent } = beginning;
  await writePending(state, intent);
  step('intent-written');
  const upload = await createPartial(scene, intent);
  step('partial-created');

  hooks.phase('sealing');
  const { sealing, envelope, progress } = await startDeposit(scene, beginning);
  upload.onReleased((block) => sealing.release(block));
  let closing = false;
  try {
    for await (const block of sealing.blocks) {
      await upload.write(block);
      step('first-block-sent');
      progress.sealed(block.length);
    }
    const draft = draftOf(scene, beginning, envelope, await sealing.result);
    hooks.phase('finishing');
    const transfer = await publishUpload(scene, upload, intent, draft, () => (closing = true));
    return await recordOutcome(scene, intent, draft, transfer);
  } catch (error) {
    if (scene.run.published === 'no') await giveUp(scene, upload, sealing, intent, error, closing);
    throw error;
  } finally {
    await sealing.stop();
  }
}

/** Draft and room for the receipt on disk, then close, rename: the commit point. */
export async function publishUpload({ state, run }: Scene, upload: Upload, intent: PendingRecord, draft: ReceiptDraft, closing: () => void): Promise<Transfer> {
  let release = (): Promise<void> => Promise.resolve();
  const transfer = await upload.complete({
    beforeClose: async (durability) => {
      const reserve = await reserveSpace(state, JSON.stringify(draft).length);
      try {
        await writePending(state, { ...intent, stage: 'closing', draft, durability });
      } catch (error) {
        await reserve.release();
        throw error;
      }
      closing();
      step('draft-written');
      release = () => reserve.release();
    },
  }).finally(() => release());
  run.published = transfer.status === 'acknowledged' ? 'yes' : 'unknown';
  run.bytes = draft.suitcase.bytes;
  step('published');
  return transfer;
}

/** Starts the sealing thread; the session key is wiped here as soon as the thread has it. */
export async function startDeposit(scene: Scene, { intent, compression }: Beginning): Promise<{ sealing: Sealing; envelope: Envelope; progress: PushProgress }> {
  const { o, agent, keys, hooks } = scene;
  const progress = new PushProgress(hooks, agent);
  const envelope = await makeEnvelope(intent.depositId, keys);
  const sealing = startSealing(
    { dataset: datasetOf(o, intent.depositId), compression, pkesk: envelope.pkesk, sessionKey: envelope.sessionKey, encryption: keys.encryption },
    { signal: o.signal, warn: (message) => hooks.warn(message), progress: (read) => progress.dataset(read) },
  );
  envelope.sessionKey.fill(0);
  return { sealing, envelope, progress };
}

/** What the receipt will say; checked, while nothing is published yet. */
export function draftOf({ o, keys }: Scene, { intent, startedAt, compression }: Beginning, envelope: Envelope, sealed: SealResult): ReceiptDraft {
  step('sealed');
  const draft = draftReceipt({ config: o.config, keys, envelope, depositId: intent.depositId, startedAt, compression, sealed });
  checkDraft(draft);
  return draft;
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

/**
 * Nothing was published, as far as `error` knows: what was begun is removed, at the agent and here. Where it cannot be
 * removed the record stays, as that of something that is no deposit.
 */
async function giveUp({ state, agent, run, hooks }: Scene, upload: Upload, sealing: Sealing, intent: PendingRecord, error: unknown, closing: boolean): Promise<void> {
  await sealing.stop();
  run.published = publishedBy(error, closing);
  // Then the record stays as it is, and the next run looks: a partial that is not there would prove nothing.
  if (run.published !== 'no') return;
  const { removed } = await upload.abandon().catch(() => ({ removed: false }));
  try {
    if (removed) await removePending(state, intent.depositId);
    else if (closing) await writePending(state, intent);
  } catch (second) {
    hooks.warn(`the record of what was begun could not be updated: ${(second as Error).message}`);
  }
  if (removed) return;
  const left = intent.publish === 'direct' ? `a truncated file ${intent.finalName}` : intent.partialName;
  hooks.warn(`${left} may remain at ${agent.address}; the next push removes it where the server allows that`);
}

/** Whether the deposit can be at the agent although something failed. Errors of ours are definite; a defect after the close is not. */
export function publishedBy(error: unknown, closing: boolean): 'no' | 'yes' | 'unknown' {
  if (isDepotError(error)) return error.published ?? 'no';
  return closing ? 'unknown' : 'no';
}

function canReadAgain({ o }: Scene): boolean {
  return o.arrangement.sources.every((source) => source.kind !== 'stdin');
}
