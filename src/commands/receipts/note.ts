import { usage } from '../flags.js';
import { ageOf } from '../../clock.js';
import { parseDepositId, timestamp } from '../../names/deposit.js';
import { Ledger } from '../../state/ledger.js';
import { lostDeposits } from '../../state/lost.js';
import { lockArrangement } from '../../state/lock.js';
import { labelled } from '../../ui/format.js';
import type { Context, GlobalOptions } from '../context.js';
import { printable } from '../../printable.js';
import { chooseArrangement, configFor, hiddenPrompt } from '../deposits.js';
import { receiptOf } from './states.js';

export type ReceiptsNoteFlags = GlobalOptions & { id: string } & ({ dropped: true } | NotedDestruction);

interface NotedDestruction {
  dropped: false;
  /** `YYYY-MM-DD`, as the agent named it. */
  destroyed: string;
}

export async function note(o: ReceiptsNoteFlags, context: Context): Promise<number> {
  return o.dropped ? noteDropped(o, context) : noteDestroyed(o, context);
}

/** Settles what is pending at a server to which pushes do not go any more. */
async function noteDropped(o: GlobalOptions & { id: string }, context: Context): Promise<number> {
  const { dropPending } = await import('../../push/drop.js');
  const { secretsFor } = await import('../../push/secret-finder.js');
  const { Logins } = await import('../../push/logins.js');
  const config = await configFor(o, context);
  const arrangement = chooseArrangement(config, parseDepositId(o.id)?.arrangement ?? o.id.split('_')[0]);
  const prompt = hiddenPrompt(context);
  const secrets = secretsFor({
    config,
    arrangement,
    env: context.env,
    logins: await Logins.of(config, [arrangement]),
    signal: context.signal,
    ...(prompt === undefined ? {} : { prompt }),
  });
  const { warnings, text, ...dropped } = await dropPending({ config, arrangement, secrets, id: o.id, now: new Date() });
  for (const warning of warnings) context.screen.warn(warning);
  context.screen.result({ ok: true, ...dropped, text }, [
    labelled('dropped', `${dropped.depositId} ${text}`),
    ...(dropped.receiptPath === null ? [] : [labelled('receipt', printable(dropped.receiptPath))]),
  ]);
  return 0;
}

/** Adds a `destroyed` line to the ledger, under the lock that pushes take. */
async function noteDestroyed(o: GlobalOptions & { id: string } & NotedDestruction, context: Context): Promise<number> {
  const { state, found } = await receiptOf(o, o.id, context);
  const { depositId, completedAt } = found.receipt;
  // A deposit that is dated in the future was made with a wrong clock: its date proves nothing.
  if (ageOf(completedAt, new Date()) !== null && o.destroyed < completedAt.slice(0, 10))
    throw usage(
      `--destroyed ${o.destroyed} is before the deposit itself (${completedAt})`,
      'check the date and the id: «depot receipts list»',
    );
  await state.requireOwn();
  const lock = await lockArrangement(state.directory);
  try {
    const ledger = await Ledger.open(state);
    for (const warning of ledger.warnings) context.screen.warn(warning);
    const earlier = ledger.lines.find((line) => line.kind === 'destroyed' && line.depositId === depositId);
    if (earlier !== undefined)
      throw usage(`${depositId} is already noted as destroyed on ${earlier.destroyed ?? earlier.time}`);
    const line = await ledger.append({
      kind: 'destroyed',
      depositId,
      receiptSha256: found.sha256,
      time: timestamp(new Date()),
      destroyed: o.destroyed,
    });
    const gone = new Map(ledger.lines.flatMap((one) => (one.destroyed === undefined ? [] : [[one.depositId, one]])));
    const lost = (await lostDeposits(state, gone)).map((one) => one.depositId);
    context.screen.result({ ok: true, depositId, destroyed: o.destroyed, sequence: line.sequence, lost }, [
      labelled('noted', `${depositId}: destroyed on ${o.destroyed} (ledger line ${line.sequence})`),
      ...lost.map((id) => labelled('lost', `${id} no longer opens: it is built on a deposit that was destroyed`)),
    ]);
    return 0;
  } finally {
    await lock.release();
  }
}
