/** `stale.json`: of which staleness somebody was notified, and when, so that a look every five minutes is no alarm every five minutes. */
import * as v from 'valibot';
import { ageOf } from '../clock.js';
import { writeFileAtomic } from '../durable-file.js';
import { parseTimestamp } from '../receipt/ids.js';
import type { ArrangementState } from './arrangement-state.js';

const name = 'stale.json';
const schema = v.object({
  schema: v.literal('depot.stale/1'),
  depositId: v.nullable(v.string()),
  notifiedAt: v.string(),
});

/** Whether somebody was notified, after `since`, of this deposit's being the last one. What cannot be read was no notification, nor was one that is yet to come. */
export async function stalenessNoted(
  state: ArrangementState,
  o: { depositId: string | null; since: Date; now: Date },
): Promise<boolean> {
  const bytes = await state.readFile(name).catch(() => null);
  if (bytes === null) return false;
  try {
    const noted = v.parse(schema, JSON.parse(bytes.toString('utf8')));
    const at = parseTimestamp(noted.notifiedAt);
    return noted.depositId === o.depositId && at !== null && at > o.since && ageOf(at, o.now) !== null;
  } catch {
    return false;
  }
}

/** `local-disk-full`, `local-not-writable`. */
export async function noteStaleness(
  state: ArrangementState,
  o: { depositId: string | null; notifiedAt: string },
): Promise<void> {
  await writeFileAtomic(state.file(name), `${JSON.stringify({ schema: 'depot.stale/1', ...o })}\n`);
}
