/** What a deposit that is streamed and one that is spooled have in common. */
import type { Amounts } from '../amounts.js';
import {
  hasShrunk,
  shrinkWords,
  type DatasetOptions,
  type DatasetSummary,
  type ShrinkRule,
} from '../dataset/sources.js';
import type { ChainedDeposit } from '../dataset/chain/chain-file.js';
import type { ChainOptions } from '../dataset/increment/chain-night.js';
import { isDepotError } from '../errors.js';
import type { SourceSpec } from '../source.js';
import { logInfo } from '../log.js';
import { writePending, type PendingRecord } from '../state/pending.js';
import { lastDataset, lastSizes } from '../state/list.js';
import { checkDraft } from '../state/record.js';
import { reserveSpace } from '../state/reserve.js';
import type { Ledger } from '../state/ledger.js';
import { lastRun, type RunDataset } from '../state/runs.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import type { ReceiptDraft } from '../receipt/schema.js';
import type { CompressionFormat } from '../seal/compress.js';
import { type Sealing, type SealResult, startSealing } from '../seal/sealing.js';
import type { Transfer } from '../sftp/types.js';
import type { Upload } from '../sftp/upload.js';
import { draftReceipt, wrapKey, type WrappedKey } from './receipt-draft.js';
import { PushProgress } from './progress.js';
import { rehearsed } from './rehearse.js';
import type { PushContext } from './push-context.js';
import type { PushOptions } from './push-types.js';
import { chainFor, fullWords, type Tonight } from './chain.js';
import { bytesOf } from './space.js';
import { step } from './steps.js';

/** A deposit that has a name and nothing else yet. */
export interface Beginning {
  intent: Extract<PendingRecord, { stage: 'intent' }>;
  startedAt: Date;
  compression: CompressionFormat;
  /** Its databases were looked at, and became what can be packed. */
  sources: SourceSpec[];
  /** Why it must be a full deposit. */
  mustBeFull?: string | undefined;
}

/** Draft and room for the receipt on disk, then close, rename: the commit point. */
export async function publishUpload(
  { state, run }: PushContext,
  upload: Upload,
  intent: PendingRecord,
  { draft, progress }: { draft: ReceiptDraft; progress: PushProgress },
  closing: () => void,
): Promise<Transfer> {
  let release = (): Promise<void> => Promise.resolve();
  const transfer = await upload
    .complete({
      acknowledged: () => progress.stop(),
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
    })
    .finally(() => release());
  logInfo(
    draft.arrangement,
    `the suitcase is published as ${transfer.remoteName}: ${transfer.status}, size ${transfer.remoteSize}, ${transfer.durability}${transfer.reason === undefined ? '' : `; ${transfer.reason}`}`,
  );
  run.published = transfer.status === 'acknowledged' ? 'yes' : 'unknown';
  run.bytes = draft.suitcase.bytes;
  step('published');
  return transfer;
}

/** A sealing under way, and what its receipt will be made of. */
export interface Begun {
  sealing: Sealing;
  wrapped: WrappedKey;
  progress: PushProgress;
  shrink: ShrinkRule | null;
  /** What the deposit is built on, the full one first; empty for one that is built on nothing. */
  earlier: readonly ChainedDeposit[];
  /** Why it is built on nothing, as far as that is known before the index is read; null also without `incremental:`. */
  whyFull: Tonight['whyFull'];
}

/** Starts the sealing thread, and that of the rehearsal; the session key is wiped here as soon as they have it. */
export async function beginSealing(
  context: Pick<PushContext, 'o' | 'keys' | 'hooks' | 'state'> & { ledger: Pick<Ledger, 'id'> | null },
  beginning: Omit<Beginning, 'intent'> & { depositId: string },
  sent: { acknowledged: number } | null,
): Promise<Begun> {
  const { o, keys, hooks, state } = context;
  const { depositId, compression, sources } = beginning;
  const shrink = await shrinkRule(o, state);
  const ledgerId = context.ledger?.id ?? null;
  const tonight = ledgerId === null ? null : await chainFor({ ...context, ledgerId }, beginning);
  const chain = tonight?.options ?? null;
  const wrapped = await wrapKey(depositId, keys);
  const { pkesk, sessionKey } = wrapped;
  const progress = new PushProgress(hooks, sent);
  if (o.measure === true) progress.expect(knownBefore(o, state, chain?.base != null));
  let sealing: Sealing | undefined;
  try {
    sealing = startSealing(
      {
        dataset: datasetOf(o, { depositId, sources }, shrink, chain),
        compression,
        isPadded: chain?.base != null,
        pkesk,
        sessionKey,
        encryption: keys.encryption,
      },
      {
        signal: o.signal,
        warn: hooks.warn,
        progress: (read) => progress.dataset(read),
        ...(hooks.listed && { listed: hooks.listed }),
      },
    );
    if (o.rehearse) sealing = rehearsed(sealing, { ...wrapped, compression });
  } catch (error) {
    progress.stop();
    await sealing?.stop();
    throw error;
  } finally {
    sessionKey.fill(0);
    chain?.key.fill(0);
  }
  return {
    sealing,
    wrapped,
    progress,
    shrink,
    earlier: chain?.base?.deposits ?? [],
    whyFull: tonight?.whyFull ?? null,
  };
}

/** Of the last suitcase nothing follows for one that holds only what changed, nor the other way round. */
async function knownBefore(
  { arrangement }: Pick<PushOptions, 'arrangement'>,
  state: ArrangementState,
  isIncrement: boolean,
): Promise<Pick<Amounts, 'totalBytes' | 'last'>> {
  const [totalBytes, last] = await Promise.all([bytesOf(arrangement.dataset), lastSizes(state)]);
  return {
    ...(totalBytes !== null && { totalBytes }),
    ...(last !== null && {
      last: {
        datasetBytes: last.datasetBytes,
        suitcaseBytes: isIncrement || last.isIncrement ? null : last.suitcaseBytes,
      },
    }),
  };
}

/** What the receipt will say; checked, while nothing is published yet. */
export function draftOf(
  { o, keys, run, hooks }: PushContext,
  { intent, startedAt, compression }: Beginning,
  { wrapped, shrink, earlier }: Begun,
  sealed: SealResult,
): ReceiptDraft {
  step('sealed');
  const whyFull = sealed.dataset.chain?.whyFull ?? null;
  if (whyFull !== null) hooks.warn(fullWords(whyFull));
  const draft = draftReceipt({
    config: o.config,
    keys,
    wrapped,
    depositId: intent.depositId,
    startedAt,
    compression,
    sealed,
    rehearsed: o.rehearse,
    earlier,
  });
  checkDraft(draft);
  const { bytes, sha256 } = draft.suitcase;
  logInfo(
    draft.arrangement,
    `sealed ${bytes} bytes, SHA-256 ${sha256}; entries: ${draft.dataset.entries}, of ${draft.dataset.bytes} bytes`,
  );
  run.files = sealed.dataset.files;
  run.changes = sealed.dataset.chain?.changes ?? null;
  run.dataset = runDataset(sealed.dataset, shrink);
  if (shrink !== null && run.dataset.shrunk) run.shrank = shrinkWords(run.dataset, shrink, sealed.dataset.sources);
  return draft;
}

/** Whether the deposit can be at the agent all the same. Our errors are definite; a defect after the close is not. */
export function publishedBy(error: unknown, closing: boolean): 'no' | 'yes' | 'unknown' {
  if (isDepotError(error)) return error.published ?? 'no';
  return closing ? 'unknown' : 'no';
}

/** The last deposit, and how small this one may be against it; null when there is none, or nobody wants to know. */
async function shrinkRule(
  { arrangement: { shrink } }: Pick<PushOptions, 'arrangement'>,
  state: ArrangementState,
): Promise<ShrinkRule | null> {
  if (shrink.then === 'off') return null;
  const previous = await lastDataset(state);
  if (previous === null) return null;
  const run = await lastRun(
    state,
    ({ depositId, dataset }) => depositId === previous.depositId && dataset !== undefined,
  );
  const sources = run?.dataset?.sources;
  return { previous, ...(Array.isArray(sources) && { sources }), below: shrink.below, then: shrink.then };
}

/** What a run says of the dataset that it has read. */
export function runDataset(summary: DatasetSummary, rule: ShrinkRule | null): RunDataset {
  const { entries, bytes } = summary.chain ?? summary;
  const { excluded, sources } = summary;
  return {
    entries,
    bytes,
    excluded,
    sources,
    previous: rule?.previous ?? null,
    shrunk: rule !== null && hasShrunk({ entries, bytes }, rule),
  };
}

/** The dataset of an arrangement as the packing thread reads it. */
function datasetOf(
  { arrangement, config }: Pick<PushOptions, 'arrangement' | 'config'>,
  { depositId, sources }: Pick<Beginning, 'sources'> & { depositId: string },
  shrink: ShrinkRule | null,
  chain: ChainOptions | null,
): DatasetOptions {
  const { specification, minSize } = arrangement;
  return {
    sources,
    commandDirectory: config.directory,
    arrangement: arrangement.name,
    depositId,
    ...(specification !== undefined && { specification }),
    ...(minSize !== undefined && { minBytes: minSize }),
    ...(shrink !== null && { shrink }),
    ...(chain !== null && { chain }),
  };
}
