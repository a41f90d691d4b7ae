/** Receipts as they were given, in directories too: those that count, and what is said of the others. */
import path from 'node:path';
import { DepotError, isDepotError } from '../../errors.js';
import { parseReceiptName } from '../../names/deposit.js';
import { printable } from '../../printable.js';
import { type GivenReceipt, readReceipt, readSigners, verifyReceipt } from '../named-files.js';
import { listed, skippedWords } from './words.js';

/** A file that was passed over, and why. */
export interface PassedOver {
  path: string;
  error: DepotError;
  /** Of a receipt: the deposits that it is of, by its name and by what it says. */
  depositIds: readonly string[];
}

/** Of the receipt of a night: why it does not count. */
export interface Refusal {
  path: string;
  error: DepotError;
}

interface ReceiptFiles {
  /** One that was named. */
  receipt?: string | undefined;
  /** Only receipts that one of these signed count; all count when there are none. */
  signers: readonly string[];
}

/** @throws DepotError of the receipt that was named, and of the signers */
export async function readReceipts(
  { receipt, signers }: ReceiptFiles,
  found: readonly string[],
): Promise<{ receipts: GivenReceipt[]; passedOver: PassedOver[] }> {
  // A key that cannot be read is no fault of the receipts.
  await readSigners(signers);
  const receipts: GivenReceipt[] = [];
  const passedOver: PassedOver[] = [];
  const count = async (given: GivenReceipt): Promise<void> => {
    if (signers.length > 0) await verifyReceipt(given, undefined, [...signers]);
    receipts.push(given);
  };
  if (receipt !== undefined) await count(await readReceipt(receipt));
  for (const file of found) {
    if (receipt !== undefined && path.resolve(receipt) === path.resolve(file)) continue;
    const depositIds = [parseReceiptName(path.basename(file))!.depositId];
    try {
      const given = await readReceipt(file);
      depositIds.push(given.receipt.depositId);
      await count(given);
    } catch (error) {
      if (!isDepotError(error)) throw error;
      passedOver.push({ path: file, error, depositIds });
    }
  }
  return { receipts, passedOver };
}

interface Wanted {
  id: string;
  receipt: GivenReceipt | null;
}

/**
 * With a signer given, a receipt of the wanted night that was changed, or that somebody else signed. Null where a good one is
 * there too: whoever may add files must not be able to make that night fail.
 */
export function refusalOf(
  { id, receipt }: Wanted,
  passedOver: readonly PassedOver[],
  signers: readonly string[],
): Refusal | null {
  if (signers.length === 0 || receipt !== null) return null;
  const one = passedOver.find(
    ({ error, depositIds }) => depositIds.includes(id) && error.code === 'verification-failed',
  );
  if (one === undefined) return null;
  const why = `the receipt of ${printable(id)} is here, but it is not signed by the given signer, or was changed`;
  const error = new DepotError('verification-failed', `${why}: ${one.error.message}`, {
    hint: 'ask the supplier for that receipt and its .asc again, and compare the fingerprint of its key by telephone',
    cause: one.error,
  });
  return { path: one.path, error };
}

/** What to say of the files that were passed over: one line for all receipts of other nights, of which there may be many. */
export function skippedLines(passedOver: readonly PassedOver[], { id }: Wanted, refusal: Refusal | null): string[] {
  const others = passedOver.filter(({ depositIds }) => depositIds.length > 0 && !depositIds.includes(id));
  const rest = passedOver.filter((one) => !others.includes(one) && one.path !== refusal?.path);
  const names = others.map(({ path: file }) => printable(path.basename(file)));
  const together =
    others.length < 2
      ? others.map(skippedWords)
      : [
          `${others.length} receipts of other deposits do not count: ${listed(names, 3)}; the first: ${others[0]!.error.message}`,
        ];
  return [...rest.map(skippedWords), ...together].map((words) => `skipped: ${words}`);
}
