/** `decrypt` where more than one suitcase is given: the newest night, or the one that `--at` names. */
import { DepotError, isDepotError, isStop } from '../../errors.js';
import { printable } from '../../printable.js';
import type { Receipt } from '../../receipt/schema.js';
import { typedWord } from '../../shell.js';
import { decrypt, type Decrypted, type DecryptHooks, type DecryptOptions, fetchAgain } from '../decrypt.js';
import { openingKeyOf } from '../opening-key.js';
import { freePlace, removeOrSay } from '../output.js';
import { PartialDirectory } from '../partial-directory.js';
import type { GivenReceipt } from '../named-files.js';
import { type Given, readGiven, wipe } from './given.js';
import { type Refusal, refusalOf, skippedLines } from './given-receipts.js';
import {
  findMembers,
  findMembersBySize,
  isWhole,
  type Members,
  newestWhole,
  requireStatedChain,
  requireWhole,
} from './members.js';
import { chooseNight, newestBefore, type Choice } from './nights.js';
import { Restoring } from './restoring.js';
import { salvage } from './salvage.js';
import { skippedWords } from './words.js';

export interface DecryptChainOptions extends Omit<DecryptOptions, 'suitcase' | 'stdout' | 'out'> {
  /** Suitcases, and directories that hold them. */
  suitcases: string[];
  out: string;
  /** A deposit's id. */
  at?: string | undefined;
  /** Take what can be had where suitcases are missing or damaged. */
  salvage: boolean;
}

/** As `decrypt`: everything authenticated first, then put in place. When it throws, there is no output. */
export async function decryptChain(o: DecryptChainOptions, hooks: DecryptHooks): Promise<Decrypted> {
  const out = await freePlace(o.out);
  const key = await openingKeyOf(o);
  if (key === null) throw new DepotError('usage', 'no private key given', { hint: 'add --key FILE, or --gpg' });
  const given = await readGiven(o, key);
  try {
    const choice = await chooseNight(given, o.at ?? receiptsOwn(o, given.receipts));
    const refusal = refusalOf(choice.night, given.passedOver, o.signers);
    skippedLines(given.passedOver, choice.night, o.salvage ? null : refusal).forEach((line) => hooks.warn(line));
    const found = await (o.salvage ? findMembers : findMembersBySize)(choice.night, given);
    requireStatedChain(choice.night);
    const opened = o.salvage
      ? await saved(o, hooks, { found, choice, given, refusal }, out)
      : await whole(o, hooks, { found, choice, given, refusal }, out);
    const night = { ...nightOf(choice), ...opened.night };
    // What was saved may be one of those.
    const leftAside = choice.leftAside.filter((one) => one.split(' ')[0] !== printable(night.depositId));
    return { ...opened, night: { ...night, leftAside } };
  } finally {
    wipe(given.suitcases);
  }
}

interface Finding {
  found: Members;
  choice: Choice;
  given: Given;
  /** Of the night's receipt. */
  refusal: Refusal | null;
}

async function whole(o: DecryptChainOptions, hooks: DecryptHooks, finding: Finding, out: string): Promise<Decrypted> {
  const { found, choice, given } = finding;
  // Comes first, as where one receipt is named: what is said of missing suitcases leads past it.
  if (finding.refusal !== null) await requireSigned(o, finding);
  await requireWhole(found, choice, given);
  await requireSigned(o, finding);
  try {
    return await restored(o, hooks, found, out);
  } catch (error) {
    // What was found by its size alone may be another file, and then that is what went wrong.
    const saysItAll =
      isStop(error) || isDepotError(error, 'local-unreadable') || isDepotError(error, 'local-not-writable');
    if (!saysItAll) await requireWhole(await findMembers(choice.night, given), choice, given);
    throw error;
  }
}

/** With a signer given, a night that no receipt of theirs tells of may be anybody's. @throws DepotError 'incomplete', 'verification-failed' */
async function requireSigned({ signers }: DecryptChainOptions, { choice, given, refusal }: Finding): Promise<void> {
  const { night, all } = choice;
  if (signers.length === 0 || night.receipt !== null) return;
  const signed = all.filter(({ receipt }) => receipt !== null);
  const whole = await newestWhole({ members: [] }, { night, all: signed }, given);
  const instead = whole === null ? '' : `; or take the newest night that is whole and signed: --at ${typedWord(whole)}`;
  if (refusal !== null) {
    const { code, message, hint } = refusal.error;
    // Whoever adds a night of their own must not keep the one before it from being found.
    throw new DepotError(code, message, { hint: `${hint}${instead}`, cause: refusal.error });
  }
  const unread = given.passedOver.find(({ depositIds }) => depositIds.includes(night.id));
  const why = unread === undefined ? '' : `: ${skippedWords(unread)}`;
  throw new DepotError('incomplete', `no receipt of ${printable(night.id)} is signed by the given signer${why}`, {
    hint: `put its receipt and signature beside the suitcases${instead}; or leave out --signer; then nothing shows who made it`,
  });
}

function restored(o: DecryptChainOptions, hooks: DecryptHooks, found: Members, out: string): Promise<Decrypted> {
  const { suitcase, receipt } = found.night;
  return found.members.length === 1
    ? decrypt({ ...o, out, suitcase: suitcase!.path, receipt: receipt?.path }, hooks)
    : toDirectory(new Restoring(o, hooks, found), out);
}

/** The whole night where that can be had after all. */
async function saved(o: DecryptChainOptions, hooks: DecryptHooks, finding: Finding, out: string): Promise<Decrypted> {
  const { found, choice, given } = finding;
  if (isWhole(found)) {
    await requireSigned(o, finding);
    try {
      return await restored(o, hooks, found, out);
    } catch (error) {
      if (!isDepotError(error, 'verification-failed') && !isDepotError(error, 'archive-refused')) throw error;
      hooks.warn(error.message);
    }
  }
  // Of a night whose suitcase cannot be read, and of which nothing else tells, not even the chain is known.
  const { night, all } = choice;
  const before = night.needs === null ? newestBefore(night, all) : undefined;
  const receiptOf = (depositId: string): GivenReceipt | null => all.find(({ id }) => id === depositId)?.receipt ?? null;
  const known = before === undefined ? found : await findMembers(before, given);
  return salvage(o, hooks, { found: known, wanted: night.id, receiptOf }, out);
}

/** A receipt that was named says which night is meant. */
function receiptsOwn(o: DecryptChainOptions, [first]: readonly { receipt: Receipt }[]): string | undefined {
  return o.receipt === undefined ? undefined : first?.receipt.depositId;
}

function nightOf({ night: { id, needs, receipt }, leftAside }: Choice): NonNullable<Decrypted['night']> {
  return { depositId: id, number: needs?.length ?? 0, hasReceipt: receipt !== null, leftAside };
}

async function toDirectory(restoring: Restoring, out: string): Promise<Decrypted> {
  const partial = await PartialDirectory.make(out);
  try {
    const done = await restoring.into(partial.path, out);
    await partial.putInPlace();
    return { ...done, out, warnings: [] };
  } catch (error) {
    await removeOrSay(partial, restoring.hooks);
    if (isDepotError(error, 'verification-failed')) error.hint ??= fetchAgain;
    throw error;
  }
}
