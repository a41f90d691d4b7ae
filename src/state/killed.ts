/** A push that was killed left no run record: what is known of it is who took the lock. */
import * as v from 'valibot';
import { writeFileAtomic } from '../durable-file.js';
import { parseTimestamp } from '../receipt/ids.js';
import type { RunRecord } from './runs.js';
import type { ArrangementState } from './arrangement-state.js';
import type { Runner } from './underway.js';

/** In the form of a run record. When it ended is when it was last heard of. */
export function killedRun(arrangement: string, { pid, host, since, lastSeen }: Runner): RunRecord {
  const startedAt = parseTimestamp(since) === null ? lastSeen : since;
  return {
    schema: 'depot.run/1',
    arrangement,
    startedAt,
    finishedAt: lastSeen,
    exit: 137,
    code: 'killed',
    message: `the push (process ${pid}) was killed, or the machine went down: it left no result`,
    published: 'unknown',
    depositId: null,
    bytes: null,
    seconds: Math.max(0, (Date.parse(lastSeen) - Date.parse(startedAt)) / 1000),
    lanes: null,
    attempts: 0,
    reconnects: 0,
    host,
  };
}

/** Of which killed push somebody was notified: each is told of once, however often somebody looks. */
const name = 'killed.json';
const schema = v.object({
  schema: v.literal('depot.killed/1'),
  pid: v.number(),
  host: v.string(),
  since: v.string(),
  notifiedAt: v.string(),
});

/** Whether somebody was notified of this one. What cannot be read was no notification. */
export async function killedNoted(state: ArrangementState, { pid, host, since }: Runner): Promise<boolean> {
  const bytes = await state.readFile(name).catch(() => null);
  if (bytes === null) return false;
  try {
    const noted = v.parse(schema, JSON.parse(bytes.toString('utf8')));
    return noted.pid === pid && noted.host === host && noted.since === since;
  } catch {
    return false;
  }
}

/** `local-disk-full`, `local-not-writable`. */
export async function noteKilled(
  state: ArrangementState,
  { pid, host, since }: Runner,
  notifiedAt: string,
): Promise<void> {
  await writeFileAtomic(
    state.file(name),
    `${JSON.stringify({ schema: 'depot.killed/1', pid, host, since, notifiedAt })}\n`,
  );
}
