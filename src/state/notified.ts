/** What somebody was notified of already, so that a look every five minutes is no alarm every five minutes. */
import { rm } from 'node:fs/promises';
import * as v from 'valibot';
import { ageOf } from '../clock.js';
import { writeFileAtomic } from '../durable-file.js';
import { parseTimestamp, timestamp } from '../names/deposit.js';
import type { ArrangementState } from './arrangement-state.js';
import type { Runner } from './underway.js';

/** Each push that was killed is told of once, however often somebody looks. */
const killed = v.object({
  schema: v.literal('depot.killed/1'),
  pid: v.number(),
  host: v.string(),
  since: v.string(),
  notifiedAt: v.string(),
});

const stale = v.object({
  schema: v.literal('depot.stale/1'),
  depositId: v.nullable(v.string()),
  notifiedAt: v.string(),
});

const unpinged = v.object({ schema: v.literal('depot.unpinged/1'), at: v.string(), failure: v.string() });

/** The last ping of an arrangement, where it failed. */
export type PingFailure = Pick<v.InferOutput<typeof unpinged>, 'at' | 'failure'>;

/** Null when there is no such note: what cannot be read was no notification. */
async function readNote<T>(
  state: ArrangementState,
  name: string,
  schema: v.GenericSchema<unknown, T>,
): Promise<T | null> {
  try {
    const bytes = await state.readFile(name);
    return bytes === null ? null : v.parse(schema, JSON.parse(bytes.toString('utf8')));
  } catch {
    return null;
  }
}

async function writeNote(state: ArrangementState, name: string, note: object): Promise<void> {
  await writeFileAtomic(state.file(name), `${JSON.stringify(note)}\n`);
}

/** Whether somebody was notified of this push. */
export async function killedNoted(state: ArrangementState, { pid, host, since }: Runner): Promise<boolean> {
  const noted = await readNote(state, 'killed.json', killed);
  return noted !== null && noted.pid === pid && noted.host === host && noted.since === since;
}

/** `local-disk-full`, `local-not-writable`. */
export function noteKilled(state: ArrangementState, { pid, host, since }: Runner, notifiedAt: string): Promise<void> {
  return writeNote(state, 'killed.json', { schema: 'depot.killed/1', pid, host, since, notifiedAt });
}

/** Whether somebody was told, between `since` and now, that this deposit is still the last one. */
export async function stalenessNoted(
  state: ArrangementState,
  o: { depositId: string | null; since: Date; now: Date },
): Promise<boolean> {
  const noted = await readNote(state, 'stale.json', stale);
  const at = noted === null ? null : parseTimestamp(noted.notifiedAt);
  return at !== null && noted?.depositId === o.depositId && at > o.since && ageOf(at, o.now) !== null;
}

/** `local-disk-full`, `local-not-writable`. */
export function noteStaleness(
  state: ArrangementState,
  o: { depositId: string | null; notifiedAt: string },
): Promise<void> {
  return writeNote(state, 'stale.json', { schema: 'depot.stale/1', ...o });
}

export async function pingFailure(state: ArrangementState): Promise<PingFailure | null> {
  const noted = await readNote(state, 'unpinged.json', unpinged);
  return noted === null || parseTimestamp(noted.at) === null ? null : { at: noted.at, failure: noted.failure };
}

/** `local-disk-full`, `local-not-writable`. */
export function notePingFailure(state: ArrangementState, failure: string): Promise<void> {
  return writeNote(state, 'unpinged.json', { schema: 'depot.unpinged/1', at: timestamp(new Date()), failure });
}

export function forgetPingFailure(state: ArrangementState): Promise<void> {
  return rm(state.file('unpinged.json'), { force: true });
}
