/** A database that somebody has just named, looked at as the account that pushes will look at it: what doctor would find. */
import { text as textOf } from 'node:stream/consumers';
import { type Account, ownName } from '../../accounts.js';
import { type Tried, tryDatabase } from '../../databases/databases.js';
import { errorCode } from '../../durable-file.js';
import { isDepotError } from '../../errors.js';
import { surroundingsOf } from '../../push/databases.js';
import { Secret } from '../../secret.js';
import type { DatabaseSettings } from '../../source.js';
import type { Context } from '../context.js';
import { trialWord } from './options.js';
import { askDepot } from './run-depot.js';
import { type DatabaseAnswer, nameOf } from './source-answer.js';

/** A person waits. */
const timeLimitMs = 15_000;

/** As data, for the process of another account. */
interface Trial {
  name: string;
  source: DatabaseSettings & Pick<DatabaseAnswer, 'kind'>;
  /** As it was typed; one in a file is read by whoever tries. */
  password: string | null;
}

/** `account` null: this one pushes. Rejects only when the run is stopped. */
export async function tryAs(account: Account | null, answer: DatabaseAnswer, context: Context): Promise<Tried> {
  const { password } = answer;
  const file = password !== undefined && 'file' in password ? { file: password.file } : {};
  const typed = password !== undefined && 'typed' in password ? (password.typed?.reveal() ?? null) : null;
  const trial: Trial = { name: nameOf(answer), source: { ...answer, password: file, options: [] }, password: typed };
  if (account === null) return look(trial, context);
  try {
    return JSON.parse(await askDepot([trialWord], JSON.stringify(trial), account, context)) as Tried;
  } catch (error) {
    context.signal.throwIfAborted();
    if (!isDepotError(error)) throw error;
    return { wrong: `not tried: ${error.message}`, hint: `see whether account ${account.name} can run depot` };
  }
}

/** The other end: a trial on standard input, what came of it on standard output. */
export async function answerTrial(context: Context): Promise<number> {
  const trial = JSON.parse(await textOf(context.stdin)) as Trial;
  context.screen.print(`${JSON.stringify(await look(trial, context))}\n`);
  return 0;
}

async function look({ name, source, password }: Trial, { env, cwd, signal }: Context): Promise<Tried> {
  try {
    const around = await surroundingsOf({ ...source, name }, { config: { directory: cwd }, env, signal }, timeLimitMs);
    return await tryDatabase(source, password === null ? around : { ...around, password: new Secret(password) });
  } catch (error) {
    signal.throwIfAborted();
    if (!isDepotError(error)) throw error;
    // depot.yaml, which other hints go by, is not there yet.
    const closed = errorCode(error.cause) === 'EACCES';
    return { wrong: error.message, hint: closed ? 'give that account access to it, then try again' : error.hint };
  }
}

/** What people call it. */
export function pusherName(account: Account | null): string {
  return account?.name ?? ownName() ?? 'this account';
}
