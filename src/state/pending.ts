/**
 * Deposits that are under way, one file each in `pending/`, fsynced at every step: whatever happens after a step, the
 * next run finds in it what may be at the agent and what is left to do.
 *
 *     intent       before the remote create: a partial (or, published directly, the file) may be there;
 *                  with a draft and a spool: everything is sealed, and the next run can go on
 *     closing      before the CLOSE: everything that the receipt needs but the server's last answers
 *     published    the server's last answers, before the receipt is written
 *     unconfirmed  a receipt that says so is filed; a later look at the server may settle it
 *     sidecars     receipt and ledger are complete; these sidecars were not delivered
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { printable } from '../printable.js';
import { errorCode, localError, readBounded, syncDirectory, writeFileAtomic } from '../durable-file.js';
import { parseDepositId, parsePartialName, parseSuitcaseName, sidecarNames } from '../names/deposit.js';
import type { Receipt, ReceiptDraft } from '../receipt/schema.js';
import type { ArrangementState } from './arrangement-state.js';

/** Larger than the largest receipt. */
const maxPendingBytes = 2 * 1024 * 1024;

const draft = v.looseObject({ schema: v.picklist(['depot.receipt/1', 'depot.receipt/2']), depositId: v.string() });
const baseSchema = v.object({
  schema: v.literal('depot.pending/1'),
  depositId: v.pipe(
    v.string(),
    v.check((s) => parseDepositId(s) !== null),
  ),
  arrangement: v.string(),
  partialName: v.string(),
  finalName: v.string(),
  createdAt: v.string(),
  /** Where the upload went: a record is settled only against the same place. Local, never in a receipt. */
  server: v.object({ account: v.string(), directory: v.string() }),
  publish: v.picklist(['rename', 'direct']),
  /** With `spool: true`: the file in `spool/`, whether its upload was begun, and how much the server has confirmed. */
  spool: v.exactOptional(
    v.object({
      name: v.string(),
      bytes: v.number(),
      sha256: v.string(),
      begun: v.exactOptional(v.boolean()),
      confirmed: v.exactOptional(v.number()),
    }),
  ),
});
const base = baseSchema.entries;
const settled = { ...base, draft, transfer: v.looseObject({ status: v.string() }), completedAt: v.string() };
const pendingSchema = v.variant('stage', [
  v.looseObject({ ...base, stage: v.literal('intent'), draft: v.exactOptional(draft) }),
  v.looseObject({
    ...base,
    stage: v.literal('closing'),
    draft,
    durability: v.exactOptional(v.picklist(['fsynced', 'size-checked', 'acknowledged-only'])),
  }),
  v.looseObject({ ...settled, stage: v.literal('published') }),
  v.looseObject({ ...settled, stage: v.literal('unconfirmed') }),
  v.looseObject({ ...base, stage: v.literal('sidecars'), remainingSidecars: v.array(v.string()) }),
]);

export type PendingRecord = v.InferOutput<typeof baseSchema> &
  (
    | { stage: 'intent'; draft?: ReceiptDraft }
    | { stage: 'closing'; draft: ReceiptDraft; durability?: Receipt['transfer']['durability'] }
    | { stage: 'published' | 'unconfirmed'; draft: ReceiptDraft; transfer: Receipt['transfer']; completedAt: string }
    | { stage: 'sidecars'; remainingSidecars: string[] }
  );
export type PendingStage = PendingRecord['stage'];

/** What a record has at every stage, without its spool. */
export function baseOf(record: PendingRecord): Omit<v.InferOutput<typeof baseSchema>, 'spool'> {
  const { schema, depositId, arrangement, partialName, finalName, createdAt, server, publish } = record;
  return { schema, depositId, arrangement, partialName, finalName, createdAt, server, publish };
}

/** A file in `pending/` that is no record; a deposit may be hidden behind it, so it is said and kept. */
export interface UnreadablePending {
  path: string;
  reason: string;
}

/** Writes or replaces a record; on disk when the promise resolves. 'local-disk-full', 'local-not-writable' */
export async function writePending(state: ArrangementState, record: PendingRecord): Promise<void> {
  await writeFileAtomic(pendingPath(state, record.depositId), `${JSON.stringify(record, null, 2)}\n`);
}

/** All records, oldest first; files that are none are listed apart. Leftovers of interrupted writes are passed over. */
export async function readPending(
  state: ArrangementState,
): Promise<{ records: PendingRecord[]; unreadable: UnreadablePending[] }> {
  const records: PendingRecord[] = [];
  const unreadable: UnreadablePending[] = [];
  for (const name of await state.names('pending')) {
    if (name.startsWith('.')) continue;
    const file = state.file(path.join('pending', name));
    try {
      const bytes = await readBounded(file, maxPendingBytes);
      if (bytes === null) continue;
      const record = v.parse(pendingSchema, JSON.parse(bytes.toString('utf8'))) as unknown as PendingRecord;
      if (record.arrangement !== state.arrangement || name !== `${record.depositId}.json`)
        throw new Error('of another deposit');
      requireOwnNames(record);
      records.push(record);
    } catch (error) {
      unreadable.push({ path: file, reason: printable(error instanceof Error ? error.message : String(error)) });
    }
  }
  records.sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0));
  return { records, unreadable };
}

/** What a record names is looked for, renamed and removed at the server: nothing but this deposit's own files. */
function requireOwnNames(record: PendingRecord): void {
  const { depositId, arrangement, partialName, finalName } = record;
  if (parseDepositId(depositId)?.arrangement !== arrangement)
    throw new Error('its deposit id belongs to another arrangement');
  if (parsePartialName(partialName)?.of !== depositId)
    throw new Error(`partialName: ${partialName} is not that of this deposit`);
  if (parseSuitcaseName(finalName)?.depositId !== depositId)
    throw new Error(`finalName: ${finalName} is not that of this deposit`);
  if ('draft' in record && record.draft.depositId !== depositId) throw new Error('draft.depositId: of another deposit');
  const stranger =
    record.stage === 'sidecars'
      ? record.remainingSidecars.find((one) => !sidecarNames(depositId).includes(one))
      : undefined;
  if (stranger !== undefined) throw new Error(`remainingSidecars: ${stranger} is not of this deposit`);
}

/** Whether a record of this deposit is there, readable or not. */
export async function isPending(state: ArrangementState, depositId: string): Promise<boolean> {
  return (await state.names('pending')).includes(`${depositId}.json`);
}

/** Nothing is left to do for this deposit; durable when the promise resolves. */
export async function removePending(state: ArrangementState, depositId: string): Promise<void> {
  const file = pendingPath(state, depositId);
  try {
    await rm(file);
    await syncDirectory(path.dirname(file));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw localError(error, 'remove', file);
  }
}

function pendingPath(state: ArrangementState, depositId: string): string {
  if (parseDepositId(depositId) === null) throw new TypeError(`${depositId} is not a deposit id`);
  return state.file(path.join('pending', `${depositId}.json`));
}

/** Where deposits go: a record is settled only against the same place. */
export type Place = PendingRecord['server'];

/** What is said of a deposit that is pending: the same words wherever it is said. */
const stageWords: Readonly<Record<PendingStage, { is: string; next: string }>> = {
  intent: { is: 'was not deposited', next: 'the next push removes what is left of it, or continues it' },
  closing: { is: 'may have been deposited', next: 'the next push finds out' },
  published: { is: 'is deposited, but has no receipt yet', next: 'the next push writes it' },
  unconfirmed: { is: 'is possibly deposited', next: 'the next push checks again' },
  sidecars: { is: 'is deposited', next: 'the next push delivers the files that belong beside it' },
};

export function samePlace(a: Place, b: Place): boolean {
  return a.account === b.account && a.directory === b.directory;
}

/** Follows the deposit's id. `goesTo` is where pushes go now; null when no configuration says so. */
export function pendingWords(
  { stage, server, depositId }: Pick<PendingRecord, 'stage' | 'server' | 'depositId'>,
  goesTo: Place | null,
): string {
  const { is, next } = stageWords[stage];
  if (goesTo === null || samePlace(server, goesTo)) return `${is}; ${next}`;
  return `${is}; it was started at ${placeText(server)}, where pushes no longer go, so no push settles it: «depot receipts note ${depositId} --dropped»`;
}

export function placeText({ account, directory }: Place): string {
  return printable(directory === '' ? account : `${account}, ${directory}`);
}
