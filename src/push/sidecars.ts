import { DepotError, isDepotError, isStop } from '../errors.js';
import { logInfo } from '../log.js';
import { removePending, writePending, type PendingRecord } from '../state/pending.js';
import { readSidecarBytes } from '../state/sidecars.js';
import { type Sidecar, type Delivery, type Leftover, partialOf } from '../sftp/sidecar.js';
import type { PushContext } from './push-context.js';
import { step } from './steps.js';
import { rememberStrays } from './strays.js';

export type SidecarsRecord = Extract<PendingRecord, { stage: 'sidecars' }>;

/**
 * Uploads what lies beside a suitcase, last the receipt, which marks it as complete. The record names what is left.
 * Those of this run are written side by side; each gets its name when the one before is delivered.
 */
export async function uploadSidecars(
  context: PushContext,
  record: SidecarsRecord,
  origin: 'this run' | 'an earlier run',
): Promise<void> {
  const { o, state, agent, hooks } = context;
  const remaining = [...record.remainingSidecars];
  // That run was at the first of them, and had perhaps written partials of all.
  let leftover: Leftover = origin === 'an earlier run' ? 'file' : 'none';
  await writePending(state, record);
  step('sidecars-pending');
  const { reconnects } = agent.stats;
  const begun = new Map<string, Sidecar>();
  try {
    if (origin === 'this run') await begin(context, remaining, begun);
    while (remaining.length > 0) {
      o.signal.throwIfAborted();
      const name = remaining[0]!;
      const all = record.remainingSidecars.length;
      const whose = origin === 'this run' ? '' : ' of an earlier deposit';
      hooks.phase('finishing', `uploading the receipt${whose}, ${all - remaining.length + 1} of ${all} files`);
      const sidecar = begun.get(name) ?? (await readSidecar(context, name, leftover));
      const delivery = sidecar === null ? 'gone here' : await sidecar.publish();
      logInfo(o.arrangement.name, `${name}: ${delivery}`);
      told(context, name, delivery, leftover);
      if (leftover === 'file') leftover = 'partial';
      remaining.shift();
      await writePending(state, { ...record, remainingSidecars: [...remaining] });
      step('sidecar-delivered');
    }
  } catch (error) {
    await Promise.all([...begun.values()].map((sidecar) => sidecar.discard()));
    // The record leads the next run to their usual partials, and to no others.
    await rememberLost(context, []);
    throw error;
  }
  // Their usual partials were perhaps open on a connection that is gone.
  await rememberLost(
    context,
    record.publish === 'rename' && agent.stats.reconnects > reconnects ? record.remainingSidecars.map(partialOf) : [],
  );
  await removePending(state, record.depositId);
}

/** What may yet appear under a partial name, after a deposit that is complete. */
export async function rememberLost(context: PushContext, usual: readonly string[]): Promise<void> {
  const { lostPartials, lostFilesMayAppear } = context.agent.remote;
  const names = [...usual, ...lostPartials];
  lostPartials.clear();
  if (names.length > 0 && lostFilesMayAppear) await rememberStrays(context, names);
}

/** Writes the partials of all of them, side by side. One that cannot be read is passed over: its turn says so. */
async function begin(context: PushContext, names: readonly string[], begun: Map<string, Sidecar>): Promise<void> {
  for (const name of names) {
    const sidecar = await readSidecar(context, name, 'none').catch(() => null);
    if (sidecar !== null) begun.set(name, sidecar);
  }
  await Promise.all([...begun.values()].map((sidecar) => sidecar.begin()));
}

async function readSidecar({ state, agent }: PushContext, name: string, leftover: Leftover): Promise<Sidecar | null> {
  const bytes = await readSidecarBytes(state, name);
  return bytes === null ? null : agent.remote.sidecar(name, bytes, leftover);
}

function told(
  { state, agent, hooks }: PushContext,
  name: string,
  delivery: Delivery | 'gone here',
  leftover: Leftover,
): void {
  if (delivery === 'gone here') hooks.warn(`${state.file(name)} is gone and was not delivered`, 'act');
  if (delivery === 'unconfirmed')
    hooks.warn(
      `depot does not know whether ${name} was delivered: the server's last answer was lost or wrong, and it does not show the file`,
    );
  if (delivery === 'already-there' && leftover !== 'file')
    hooks.warn(`${name} is already at ${agent.address}, with this size, and was left as it is`);
}

/** Delivers those of this run's deposit. @throws DepotError 'sidecars-pending' or the signal's, `published: 'yes'` */
export async function deliverSidecars(context: PushContext, record: SidecarsRecord): Promise<void> {
  try {
    await uploadSidecars(context, record, 'this run');
  } catch (error) {
    if (!isDepotError(error) || isStop(error)) throw error;
    throw undelivered(record.depositId, context.o.arrangement.name, 'its sidecars could not be delivered', error);
  }
}

/** Deposited, but: exit 30. */
export function undelivered(depositId: string, arrangement: string, what: string, cause: DepotError): DepotError {
  return new DepotError('sidecars-pending', `deposited, but ${what}: ${cause.message}`, {
    published: 'yes',
    depositId,
    hint: `run: «depot push ${arrangement}»; it delivers them first${cause.hint === undefined ? '' : ` (${cause.hint})`}`,
    cause,
  });
}
