import { rm } from 'node:fs/promises';
import path from 'node:path';
import { localError, syncDirectory } from '../durable-file.js';
import { removePending, type PendingRecord } from '../state/pending.js';
import type { ArrangementState } from '../state/arrangement-state.js';

/** Where suitcases wait for their upload, below the arrangement's state. */
const folder = 'spool';

/** The name of the file in the spool, and in the pending record. */
export function spoolName(depositId: string): string {
  return `${depositId}.pgp`;
}

/** @param name of the file, as a pending record has it: whatever it says, the file lies in the folder */
export function spoolPath(state: ArrangementState, name: string): string {
  return state.file(path.join(folder, path.basename(name)));
}

/** The suitcase is at the agent, or given up. */
export async function removeSpool(state: ArrangementState, { spool }: Pick<PendingRecord, 'spool'>): Promise<void> {
  if (spool !== undefined) await remove(spoolPath(state, spool.name));
}

/** Nothing is left to do: the record goes, after its spool. */
export async function removeRecord(state: ArrangementState, record: PendingRecord): Promise<void> {
  await removeSpool(state, record);
  await removePending(state, record.depositId);
}

/** Removes what no record names, as after a sealing that was interrupted. Under the lock. */
export async function clearSpool(state: ArrangementState, records: readonly PendingRecord[]): Promise<void> {
  const wanted = new Set(records.flatMap(({ spool }) => (spool === undefined ? [] : [path.basename(spool.name)])));
  for (const name of await state.names(folder)) if (!wanted.has(name)) await remove(spoolPath(state, name));
}

async function remove(file: string): Promise<void> {
  try {
    await rm(file, { force: true });
    await syncDirectory(path.dirname(file));
  } catch (error) {
    throw localError(error, 'remove', file);
  }
}
