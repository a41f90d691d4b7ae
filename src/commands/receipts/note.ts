import { usage } from '../flags.js';
import { ageOf } from '../../clock.js';
import { timestamp } from '../../receipt/ids.js';
import { Ledger } from '../../receipt/ledger.js';
import { lockArrangement } from '../../receipt/lock.js';
import { labelled } from '../../ui/format.js';
import type { Context, GlobalOptions } from '../context.js';
import { receiptOf } from './states.js';

export interface ReceiptsNoteFlags extends GlobalOptions {
  id: string;
  /** `YYYY-MM-DD`, as the agent named it. */
  destroyed: string;
}

/** Adds a `destroyed` line to the ledger, under the lock that pushes take. */
export async function note(o: ReceiptsNoteFlags, context: Context): Promise<number> {
  const { state, found } = await receiptOf(o, o.id, context);
  const { depositId, completedAt } = found.receipt;
  // A deposit that is dated in the future was made with a wrong clock: its date proves nothing.
  if (ageOf(completedAt, new Date()) !== null && o.destroyed < completedAt.slice(0, 10)) throw usage(`--destroyed ${o.destroyed} is before the deposit itself (${completedAt})`, 'look whether date and deposit are the right ones: «depot receipts list»');
  await state.requireOwn();
  const lock = await lockArrangement(state.directory);
  try {
    const ledger = await Ledger.open(state);
    for (const warning of ledger.warnings) context.screen.warn(warning);
    const earlier = ledger.lines.find((line) => line.kind === 'destroyed' && line.depositId === depositId);
    if (earlier !== undefined) throw usage(`${depositId} is noted as destroyed on ${earlier.destroyed ?? earlier.time} already`);
    const line = await ledger.append({ kind: 'destroyed', depositId, receiptSha256: found.sha256, time: timestamp(new Date()), destroyed: o.destroyed });
    context.screen.result({ ok: true, depositId, destroyed: o.destroyed, sequence: line.sequence }, [labelled('noted', `${depositId}: destroyed on ${o.destroyed} (ledger line ${line.sequence})`)]);
    return 0;
  } finally {
    await lock.release();
  }
}
