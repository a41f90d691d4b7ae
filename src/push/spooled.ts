import { randomBytes } from 'node:crypto';
import { isRefusal } from '../errors.js';
import { writePending, type PendingRecord } from '../state/pending.js';
import type { ReceiptDraft } from '../receipt/schema.js';
import { openSpool, SpoolFault, writeSpool, type Spool } from '../seal/spool.js';
import type { Removal } from '../sftp/link.js';
import { PartialLost } from '../sftp/status.js';
import type { Transfer } from '../sftp/types.js';
import type { Upload } from '../sftp/upload.js';
import { destroyedBelow } from './chain.js';
import { recordOutcome } from './outcome.js';
import { PushProgress } from './progress.js';
import type { Deposit } from './push-types.js';
import type { PushContext } from './push-context.js';
import { checkSpoolSpace } from './space.js';
import { removeRecord, removeSpool, spoolName, spoolPath } from './spool-file.js';
import { beginSealing, draftOf, publishedBy, publishUpload, type Beginning } from './stages.js';
import { step } from './steps.js';
import { mayAppear, rememberStrays } from './strays.js';

/** Everything is sealed and on disk; what is left is to send it. */
export type SpooledRecord = Extract<PendingRecord, { stage: 'intent' }> & {
  draft: ReceiptDraft;
  spool: NonNullable<PendingRecord['spool']>;
};

/** Whether a record of an earlier run can be gone on with, without reading a source again. */
export function isSpooled(record: PendingRecord): record is SpooledRecord {
  return record.stage === 'intent' && record.draft !== undefined && record.spool !== undefined;
}

/**
 * `spool: true`; from the draft on, a later run can go on, and nothing has to be read or sealed again:
 *
 *     enough room? | seal ==> spool/<id>.pgp | draft on disk | partial at the agent | spool ==> upload, offsets confirmed on disk
 *     | as without a spool from the close on | spool removed
 */
export async function spooledDeposit(context: PushContext, beginning: Beginning): Promise<Deposit> {
  const { state, hooks } = context;
  const { intent } = beginning;
  await checkSpoolSpace(context);
  hooks.phase('sealing');
  const begun = await beginSealing(context, { ...beginning, ...intent }, null);
  const { sealing, progress } = begun;
  const name = spoolName(intent.depositId);
  let draft: ReceiptDraft;
  try {
    const sealed = await writeSpool(spoolPath(state, name), sealing, (bytes) => {
      step('first-block-spooled');
      progress.sealed(bytes);
    });
    draft = draftOf(context, beginning, begun, sealed);
  } finally {
    progress.stop();
    await sealing.stop();
  }
  const { bytes, sha256 } = draft.suitcase;
  const record: SpooledRecord = { ...intent, draft, spool: { name, bytes, sha256, begun: false } };
  await writePending(state, record).catch(async (error: unknown) => {
    await removeSpool(state, record);
    throw error;
  });
  step('intent-written');
  return sendSpooled(context, record);
}

/** Sends what an earlier run sealed. Null when it must not be sent any more, and is removed. Throws as a push does. */
export async function resumeSpooled(context: PushContext, record: SpooledRecord): Promise<Deposit | null> {
  const { run, hooks } = context;
  const unfit = (await unfitness(context, record)) ?? spentName(context, record);
  if (unfit !== null) {
    await discardSpooled(context, record, unfit);
    return null;
  }
  run.depositId = record.depositId;
  run.bytes = null;
  const { confirmed, bytes } = record.spool;
  const from = confirmed === undefined ? '' : `, from byte ${confirmed} of ${bytes}`;
  hooks.warn(`continuing ${record.depositId}, which an earlier run sealed${from}`);
  try {
    const fits = confirmed !== undefined && record.publish === context.o.arrangement.remote.publish;
    return await sendSpooled(context, fits ? record : await fromTheBeginning(context, record));
  } catch (error) {
    if (run.published !== 'no') throw error;
    if (error instanceof SpoolFault) await discardSpooled(context, record, error.message);
    // With its name, it was given up where that was found.
    else if (error instanceof PartialLost && context.o.arrangement.remote.publish === 'direct' && canReadAgain(context))
      hooks.warn(`${error.message}; depot seals it again under a new id`);
    else throw error;
    run.depositId = null;
    return null;
  } finally {
    step('resumed');
  }
}

/** Standard input comes once. */
export function canReadAgain({ o }: PushContext): boolean {
  return o.arrangement.dataset.every((source) => source.kind !== 'stdin');
}

/** Recipients are judged at every push: what was sealed for others than today's is not sent. */
async function unfitness({ keys, o, state }: PushContext, { draft }: SpooledRecord): Promise<string | null> {
  if (o.rehearse && draft.rehearsed === undefined) return 'it was sealed without the rehearsal that this run asks for';
  const sorted = (of: SpooledRecord['draft']['encryption']['recipients']): string[] =>
    of.map(({ fingerprint, subkeyFingerprint }) => `${fingerprint} ${subkeyFingerprint}`).sort();
  const [today, sealedFor] = [sorted(keys.recipients), sorted(draft.encryption.recipients)];
  if (today.join() !== sealedFor.join()) return "it was sealed for different keys from today's";
  const gone = await destroyedBelow(state, draft);
  return gone === null ? null : `${gone}, on which it is built, was destroyed`;
}

/**
 * With `publish: direct`, what was begun under the suitcase's name, to which the receipt commits, and cannot be
 * continued is not sent again: the server may still have the first file, without a name, and put it over the second.
 */
function spentName({ o }: PushContext, record: SpooledRecord): string | null {
  if (record.publish !== 'direct' || !wasBegun(record)) return null;
  if (record.spool.confirmed !== undefined && o.arrangement.remote.publish === 'direct') return null;
  return 'its upload was started under its final name, and cannot be continued';
}

/** Whether the server was asked to create its file. Records of earlier versions do not say. */
export function wasBegun({ spool }: PendingRecord): boolean {
  return spool?.begun !== false;
}

async function discardSpooled(context: PushContext, record: SpooledRecord, why: string): Promise<void> {
  const { state, agent, hooks } = context;
  const removal = await forget(context, record);
  hooks.warn(
    `${record.depositId}, which an earlier run sealed, is abandoned: ${why}${removal === 'refused' ? `; ${remoteName(record)} may remain at ${agent.address}` : ''}`,
    removal === 'refused' ? 'act' : undefined,
  );
  await removeRecord(state, record);
}

/** The file under which it was sent so far: away with it, now or when it appears. */
async function forget(context: PushContext, record: SpooledRecord): Promise<Removal> {
  const { remote } = context.agent;
  const name = remoteName(record);
  const removal = await remote.removePartial(name);
  if (wasBegun(record) && (await mayAppear(context, name, removal, remote.stats.reconnects > 0)))
    await rememberStrays(context, [name]);
  return removal;
}

async function sendSpooled(context: PushContext, first: SpooledRecord): Promise<Deposit> {
  const { o, hooks } = context;
  const startAgainUntil = Date.now() + o.retryForMs;
  for (let record = first; ; ) {
    try {
      return await sendOnce(context, record);
    } catch (error) {
      if (!(error instanceof PartialLost) || Date.now() > startAgainUntil) throw error;
      if (record.publish === 'direct') {
        await giveUpName(context, record);
        throw error;
      }
      hooks.warn(`${error.message}; sending ${record.depositId} again from the beginning`);
      record = await fromTheBeginning(context, record);
    }
  }
}

async function sendOnce(context: PushContext, record: SpooledRecord): Promise<Deposit> {
  const { state, agent, run, hooks } = context;
  const { partialName, finalName, draft } = record;
  const { name, confirmed } = record.spool;
  hooks.phase('uploading');
  const spool = await openSpool(spoolPath(state, name), draft.suitcase, confirmed ?? 0);
  step('spool-verified');
  let closing = false;
  try {
    if (record.spool.begun === false) {
      record.spool.begun = true;
      await writePending(state, record);
    }
    const upload = await agent.remote
      .createUpload({ partialName, finalName, keep: true, ...(confirmed !== undefined && { resumeFrom: confirmed }) })
      .catch((error: unknown) => {
        if (!(error instanceof PartialLost)) sayKept(context, record, isRefusal(error));
        throw error;
      });
    step('partial-created');
    upload.onReleased((block) => spool.release(block));
    const progress = new PushProgress(hooks, agent.stats, confirmed);
    progress.suitcase(record.spool.bytes);
    try {
      await send(context, record, upload, spool);
      const sent = { draft, progress };
      const transfer: Transfer = await publishUpload(context, upload, record, sent, () => (closing = true));
      return await recordOutcome(context, record, draft, transfer);
    } catch (error) {
      if (run.published === 'no') await keepForLater(context, upload, record, error, closing);
      throw error;
    } finally {
      progress.stop();
    }
  } finally {
    await spool.close();
  }
}

/** The first confirmation comes early, then the distance doubles up to this: a server may take long to flush. */
const FIRST_CHECKPOINT = 4 << 20;
const CHECKPOINT_DISTANCE = 64 << 20;

async function send({ state, hooks }: PushContext, record: SpooledRecord, upload: Upload, spool: Spool): Promise<void> {
  let distance = FIRST_CHECKPOINT;
  let next = distance;
  let underWay = false;
  let confirming = Promise.resolve();
  const confirm = async (): Promise<void> => {
    const checkpoint = await upload.checkpoint();
    if (checkpoint === null) return;
    record.spool.confirmed = checkpoint.offset;
    // A disk that is full now costs the resumption, not the upload.
    await writePending(state, record).catch((error: unknown) =>
      hooks.warn(`the progress of the upload could not be recorded: ${(error as Error).message}`),
    );
    step('checkpoint-written');
  };
  try {
    for await (const block of spool.blocks()) {
      await upload.write(block);
      step('first-block-sent');
      if (upload.acknowledged < next || underWay) continue;
      distance = Math.min(2 * distance, CHECKPOINT_DISTANCE);
      next = upload.acknowledged + distance;
      underWay = true;
      confirming = confirm().finally(() => (underWay = false));
      confirming.catch(() => undefined);
    }
  } finally {
    // The record is about to say something else.
    await confirming;
  }
}

/**
 * The upload stopped. What the server refused is removed there; otherwise the partial stays for the next run, also
 * after a signal: a reboot is one. With `publish: direct`, only what can be continued stays.
 */
async function keepForLater(
  context: PushContext,
  upload: Upload,
  record: SpooledRecord,
  error: unknown,
  closing: boolean,
): Promise<void> {
  const { state, run, hooks } = context;
  run.published = publishedBy(error, closing);
  const over = error instanceof PartialLost || run.published !== 'no';
  let removed = false;
  if (!over && (isSpent(record) || isRefusal(error) || error instanceof SpoolFault)) {
    ({ removed } = await upload.abandon().catch(() => ({ removed: false })));
    if (removed) delete record.spool.confirmed;
  } else {
    upload.leave();
  }
  if (run.published !== 'no') return;
  await writePending(state, record).catch((second: unknown) =>
    hooks.warn(`the record of this upload could not be updated: ${(second as Error).message}`),
  );
  if (!(error instanceof PartialLost)) sayKept(context, record, removed);
}

/** `gone`: nothing of it is at the agent. */
function sayKept({ agent, hooks }: PushContext, record: SpooledRecord, gone: boolean): void {
  const left =
    record.publish === 'direct' && !gone ? `; until then a truncated file ${record.finalName} may be there` : '';
  if (isSpent(record)) {
    hooks.warn(
      `${record.depositId} was started under its final name and cannot be continued: the next push to ${agent.address} starts over${left}`,
    );
    return;
  }
  const { confirmed, bytes } = record.spool;
  const from = confirmed === undefined ? 'from the beginning' : `from byte ${confirmed} of ${bytes}`;
  hooks.warn(`${record.depositId} is sealed and kept; the next push to ${agent.address} continues ${from}${left}`);
}

/** Its name at the agent is used up, and nothing says from where to go on. */
function isSpent({ publish, spool }: SpooledRecord): boolean {
  return publish === 'direct' && spool.confirmed === undefined;
}

/** Its final name is used up: with it goes what was sealed. */
async function giveUpName(context: PushContext, record: SpooledRecord): Promise<void> {
  const { state, agent, hooks } = context;
  if ((await forget(context, record)) === 'refused')
    hooks.warn(
      `a truncated file ${record.finalName} may remain at ${agent.address}: tell the agent that it is incomplete`,
    );
  await removeRecord(state, record);
}

/**
 * Removes a partial that cannot be continued, and takes another name for the next one, since a server that names files
 * at their close may still have the first. The suitcase and its final name stay what they are.
 */
async function fromTheBeginning(context: PushContext, record: SpooledRecord): Promise<SpooledRecord> {
  const { state, o } = context;
  const begun = wasBegun(record);
  if (begun) await forget(context, record);
  const spool = { ...record.spool, begun: false };
  delete spool.confirmed;
  const partialName = begun ? `.${record.depositId}.${randomBytes(4).toString('hex')}.partial` : record.partialName;
  const afresh = { ...record, partialName, publish: o.arrangement.remote.publish, spool };
  await writePending(state, afresh);
  return afresh;
}

/** Where its bytes are at the agent until they are published. */
export function remoteName({ publish, partialName, finalName }: PendingRecord): string {
  return publish === 'direct' ? finalName : partialName;
}
