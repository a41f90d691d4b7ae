import type { Arrangement, Config } from '../config/types.js';
import { DepotError } from '../errors.js';
import { Ledger } from '../state/ledger.js';
import { lockArrangement } from '../state/lock.js';
import { readPending, writePending, type PendingRecord, placeText, samePlace } from '../state/pending.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { placeFor } from './agent.js';
import { readSigner } from './deposit-keys.js';
import { answered, signReceipt, type AnsweredRecord } from './outcome.js';
import type { SecretFinder } from './secret-finder.js';
import { removeRecord } from './spool-file.js';

export interface Dropped {
  depositId: string;
  stage: PendingRecord['stage'];
  /** Of the receipt that tells of it; null when it never became a deposit. */
  receiptPath: string | null;
  /** What is known of it, for the user; follows its id. */
  text: string;
  warnings: string[];
}

/**
 * Settles what is pending at a server to which pushes no longer go, without asking it. What may be a deposit gets its
 * receipt, `unconfirmed` where the last answer is not known. 'usage' when a push still goes there and will settle it.
 */
export async function dropPending(o: {
  config: Config;
  arrangement: Arrangement;
  secrets: SecretFinder;
  id: string;
  now: Date;
}): Promise<Dropped> {
  const { config, arrangement } = o;
  const state = new ArrangementState(config.state.path, arrangement.name);
  await findPending(state, o.id);
  await state.requireOwn();
  const lock = await lockArrangement(state.directory);
  try {
    const record = await findPending(state, o.id);
    const goesTo = await placeFor(config, arrangement);
    if (goesTo !== null && samePlace(record.server, goesTo)) {
      throw new DepotError(
        'usage',
        `${record.depositId} is pending at ${placeText(record.server)}, the server that pushes go to: a push settles it`,
        { hint: `run: «depot push ${arrangement.name}»` },
      );
    }
    const ledger = await Ledger.open(state);
    const receiptPath =
      'draft' in record && record.stage !== 'intent' ? await fileReceipt(o, state, ledger, lastAnswer(record)) : null;
    await removeRecord(state, record);
    const { depositId, stage } = record;
    return { depositId, stage, receiptPath, text: wordsOf(record), warnings: ledger.warnings };
  } finally {
    await lock.release();
  }
}

async function findPending(state: ArrangementState, id: string): Promise<PendingRecord> {
  const found = (await readPending(state)).records.filter(({ depositId }) => depositId.startsWith(id));
  const [record] = found;
  if (record !== undefined && found.length === 1) return record;
  throw new DepotError(
    'usage',
    `${record === undefined ? 'nothing is pending of' : 'more than one pending deposit begins with'} ${JSON.stringify(id)}`,
    { hint: `see what is pending: «depot status ${state.arrangement}»` },
  );
}

/** The server's last answer will not come any more. */
function lastAnswer(record: Exclude<PendingRecord, { stage: 'intent' | 'sidecars' }>): AnsweredRecord {
  if (record.stage !== 'closing') return record;
  const transfer = {
    remoteName: record.finalName,
    status: 'unconfirmed',
    remoteSize: 'unreadable',
    durability: record.durability ?? 'acknowledged-only',
  } as const;
  return answered(record, transfer);
}

async function fileReceipt(
  { config, secrets, now }: Parameters<typeof dropPending>[0],
  state: ArrangementState,
  ledger: Ledger,
  record: AnsweredRecord,
): Promise<string> {
  const { signer } = await readSigner(config, secrets, now);
  // As in a push: a second attempt says the same as the first.
  await writePending(state, record);
  return (await signReceipt(state, ledger, signer, record)).path;
}

function wordsOf(record: PendingRecord): string {
  const at = placeText(record.server);
  switch (record.stage) {
    case 'intent':
      return `was not deposited; ${record.publish === 'direct' ? record.finalName : record.partialName} may remain at ${at} and is not complete: ask the agent to remove it`;
    case 'closing':
    case 'unconfirmed':
      return `is possibly deposited at ${at}, and its receipt says unconfirmed: ask the agent whether it has ${record.finalName}`;
    case 'published':
      return `is deposited at ${at}, and has its receipt now; what belongs beside it was not delivered`;
    case 'sidecars':
      return `is deposited at ${at}; not delivered there: ${record.remainingSidecars.join(', ')}`;
  }
}
