import { isDepotError, isRefusal } from '../errors.js';
import { logInfo } from '../log.js';
import { newDepositId, partialName, suitcaseName, timestamp } from '../names/deposit.js';
import { removePending, writePending, type PendingRecord } from '../state/pending.js';
import { chooseCompression } from '../seal/compress.js';
import type { Sealing } from '../seal/sealing.js';
import { PartialLost } from '../sftp/status.js';
import type { Abandoned } from '../sftp/types.js';
import type { Upload } from '../sftp/upload.js';
import { recordOutcome } from './outcome.js';
import type { Deposit } from './push-types.js';
import type { PushContext } from './push-context.js';
import { canReadAgain, remoteName, spooledDeposit } from './spooled.js';
import { packable } from './databases.js';
import { clearIndexes } from './chain.js';
import { beginSealing, draftOf, publishedBy, publishUpload, type Beginning, type Begun } from './stages.js';
import { step } from './steps.js';
import { rememberStrays } from './strays.js';

/**
 * Makes the deposit, from the intent to the last sidecar. When the partial at the agent is lost on the way, it starts
 * again under a new id, as long as all sources can be read again. So it does, with a full deposit, when the index of the
 * last one is damaged while it is read.
 */
export async function makeDeposit(context: PushContext): Promise<Deposit> {
  const { o, hooks } = context;
  const startAgainUntil = Date.now() + o.retryForMs;
  let mustBeFull: string | undefined;
  for (;;) {
    try {
      const beginning = { ...(await beginDeposit(context)), mustBeFull };
      const deposit = await (o.arrangement.spool
        ? spooledDeposit(context, beginning)
        : streamedDeposit(context, beginning));
      await clearIndexes(context);
      return deposit;
    } catch (error) {
      if (mustBeFull === undefined && isDepotError(error, 'index-damaged') && canReadAgain(context)) {
        mustBeFull = error.message;
        continue;
      }
      if (!(error instanceof PartialLost) || !canStartAgain(context, error) || Date.now() > startAgainUntil)
        throw error;
      hooks.warn(`${error.message}; starting over under a new id`);
    }
  }
}

/** A new id, and with it the names at the agent and the intent that says so; nothing is on disk yet, but databases were looked at. */
async function beginDeposit({ o, agent, run, hooks }: PushContext): Promise<Beginning> {
  const sources = await packable(o, hooks);
  const startedAt = new Date();
  const depositId = newDepositId(o.arrangement.name, startedAt);
  run.depositId = depositId;
  run.bytes = null;
  const compression = chooseCompression(o.arrangement.compression);
  logInfo(o.arrangement.name, `begins the deposit ${depositId}, compression ${compression}`);
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
  return { intent, startedAt, compression, sources };
}

/**
 * Without a spool; what fails before the close leaves nothing behind, as far as the agent lets it:
 *
 *     intent on disk | partial at the agent | seal ==> upload | draft on disk | close, rename | receipt, ledger | sidecars
 */
async function streamedDeposit(context: PushContext, beginning: Beginning): Promise<Deposit> {
  const { state, hooks } = context;
  const { intent } = beginning;
  await writePending(state, intent);
  step('intent-written');
  const upload = await createPartial(context, intent);
  step('partial-created');

  hooks.phase('sealing');
  let begun: Begun | undefined;
  let closing = false;
  try {
    begun = await beginSealing(context, { ...beginning, ...intent }, context.agent.stats);
    const { sealing, progress } = begun;
    upload.onReleased((block) => sealing.release(block));
    for await (const block of sealing.blocks) {
      await upload.write(block);
      step('first-block-sent');
      progress.sealed(block.length);
    }
    const draft = draftOf(context, beginning, begun, await sealing.result);
    hooks.phase('uploading');
    progress.suitcase(draft.suitcase.bytes);
    const transfer = await publishUpload(context, upload, intent, { draft, progress }, () => (closing = true));
    return await recordOutcome(context, intent, draft, transfer);
  } catch (error) {
    if (context.run.published === 'no') await giveUp(context, upload, begun?.sealing, intent, error, closing);
    throw error;
  } finally {
    begun?.progress.stop();
    await begun?.sealing.stop();
  }
}

/** The exclusive create. The intent goes when the server said no: then nothing is there. */
async function createPartial(context: PushContext, intent: PendingRecord): Promise<Upload> {
  const { state, agent } = context;
  let left: Abandoned = { removed: false, mayAppear: false };
  try {
    return await agent.remote.createUpload({
      partialName: intent.partialName,
      finalName: intent.finalName,
      abandoned: (abandoned) => {
        left = abandoned;
      },
    });
  } catch (error) {
    if (isRefusal(error)) await removePending(state, intent.depositId);
    else await afterAbandoning(context, intent, left);
    throw error;
  }
}

/** Removes what was begun: nothing was published, as far as `error` knows. What cannot be removed keeps its record. */
async function giveUp(
  context: PushContext,
  upload: Upload,
  sealing: Sealing | undefined,
  intent: PendingRecord,
  error: unknown,
  closing: boolean,
): Promise<void> {
  const { state, run, hooks } = context;
  await sealing?.stop();
  run.published = publishedBy(error, closing);
  // Then the record stays as it is, and the next run looks: a partial that is not there would prove nothing.
  if (run.published !== 'no') return;
  const abandoned = await upload.abandon().catch(() => ({ removed: false, mayAppear: false }));
  try {
    if (!abandoned.removed && closing) await writePending(state, intent);
    await afterAbandoning(context, intent, abandoned);
  } catch (second) {
    hooks.warn(`the record of this upload could not be updated: ${(second as Error).message}`);
  }
}

/** The record of what was begun ends when nothing is left of it; what may come after that is remembered first. */
async function afterAbandoning(
  context: PushContext,
  intent: PendingRecord,
  { removed, mayAppear }: Abandoned,
): Promise<void> {
  const { state, agent, hooks } = context;
  if (removed) {
    if (mayAppear) await rememberStrays(context, [remoteName(intent)]);
    await removePending(state, intent.depositId);
    return;
  }
  const left = intent.publish === 'direct' ? `a truncated file ${intent.finalName}` : intent.partialName;
  hooks.warn(`${left} may remain at ${agent.address}; the next push removes it if the server allows that`);
}

/** Standard input that was not touched yet is still to come. */
function canStartAgain(context: PushContext, { beforeFirstBlock }: PartialLost): boolean {
  return (beforeFirstBlock && !context.o.arrangement.spool) || canReadAgain(context);
}
