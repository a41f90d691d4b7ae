/** Which of several receipts, signatures and public keys belong to what is checked. What is left aside is said. */
import { verifySigned } from '../reader/exhibits.js';
import { DepotError, isDepotError } from '../errors.js';
import type { Certificate } from '../pgp/certificate.js';
import type { VerifiedSignature } from '../pgp/signature.js';
import { printable } from '../printable.js';
import { sameOctets } from './primitives.js';
import { fromBase64 } from '../receipt/base64.js';
import { parseSuitcaseName } from '../names/deposit.js';
import { parseReceipt } from '../receipt/parse.js';
import type { Receipt } from '../receipt/schema.js';
import type { Aside } from './protocol.js';

/** A file's name and its bytes: what a person chose, small enough to be a receipt, a signature or a key. */
export interface SmallFile {
  name: string;
  bytes: Uint8Array;
}

export interface GivenReceipt extends SmallFile {
  receipt: Receipt;
}

/** By what a receipt can be told: the session key packets and the name of the suitcase, and what the agent says that it holds. */
export interface Wanted {
  pkesk: Uint8Array | null;
  suitcaseName: string | null;
  /** Lower-case hex. */
  agentSha256: string | null;
}

/**
 * The receipt of what is checked: the one that quotes the suitcase's session key packets, else the one of its name, else the one with
 * the digest that the agent told, else the newest. Among several of those the first that `signed` resolves for: a changed copy beside
 * the true receipt must not decide.
 *
 * @throws DepotError 'verification-failed' when no file holds a receipt
 */
export async function chooseReceipt(
  files: SmallFile[],
  wanted: Wanted,
  signed: (given: GivenReceipt) => Promise<unknown>,
): Promise<{ given: GivenReceipt; aside: Aside['receipts'] }> {
  const { receipts, refusal } = parsed(files);
  if (receipts.length === 0) throw refusal!;
  const candidates = belonging(receipts, wanted);
  let given = candidates[0]!;
  for (const candidate of candidates.length === 1 ? [] : candidates) {
    // That none of them is signed is found when the signature is checked.
    if (
      !(await signed(candidate).then(
        () => true,
        () => false,
      ))
    )
      continue;
    given = candidate;
    break;
  }
  const others = files.filter(({ bytes }) => !sameOctets(bytes, given.bytes)).map(({ name }) => printable(name));
  return { given, aside: others.length === 0 ? null : { taken: printable(given.name), others } };
}

function parsed(files: SmallFile[]): { receipts: GivenReceipt[]; refusal: DepotError | undefined } {
  const receipts: GivenReceipt[] = [];
  let refusal: DepotError | undefined;
  for (const file of files) {
    try {
      receipts.push({ ...file, receipt: parseReceipt(file.bytes, file.name) });
    } catch (error) {
      if (!isDepotError(error)) throw error;
      refusal ??= error;
    }
  }
  return { receipts, refusal };
}

/** Those that belong to it by the strongest sign that any of them has, newest first. */
function belonging(receipts: GivenReceipt[], { pkesk, suitcaseName, agentSha256 }: Wanted): GivenReceipt[] {
  const depositId = suitcaseName === null ? null : (parseSuitcaseName(suitcaseName)?.depositId ?? null);
  const signs: ((given: GivenReceipt) => boolean)[] = [
    ({ receipt }) => pkesk !== null && sameOctets(fromBase64(receipt.keyProof.pkesk) ?? new Uint8Array(0), pkesk),
    ({ receipt }) => receipt.depositId === depositId,
    ({ receipt }) => receipt.suitcase.sha256 === agentSha256,
  ];
  const newestFirst = [...receipts].sort((a, b) => (a.receipt.completedAt < b.receipt.completedAt ? 1 : -1));
  for (const sign of signs) {
    const found = newestFirst.filter(sign);
    if (found.length > 0) return found;
  }
  return newestFirst;
}

/**
 * Verifies the receipt by whichever of the signatures belongs to it; the one of its name is tried first, and its error is the one that counts.
 *
 * @throws DepotError 'verification-failed'; 'incomplete' without any signature
 */
export async function verifyBy(
  signatures: SmallFile[],
  signers: Certificate[],
  given: GivenReceipt,
): Promise<VerifiedSignature> {
  let refusal = new DepotError('incomplete', 'the signature of the receipt was not given: origin not proven');
  const named = (file: SmallFile): boolean => file.name === `${given.name}.asc`;
  const inOrder = [...signatures.filter(named), ...signatures.filter((file) => !named(file))];
  for (const [i, { bytes }] of inOrder.entries()) {
    try {
      return await verifySigned(given, bytes, signers);
    } catch (error) {
      if (!isDepotError(error)) throw error;
      if (i === 0) refusal = error;
    }
  }
  throw refusal;
}

/**
 * Splits off public keys that are the holder's own: what they signed says nothing of the supplier. Known by the private key, and where
 * none was given, by the recipients that the receipt names.
 */
export function withoutOwnKeys<T extends { certificate: Certificate }>(
  signers: T[],
  ownKey: string | null,
  receipt: Receipt | null,
): { signers: T[]; own: T[] } {
  const recipients =
    ownKey !== null ? [ownKey] : (receipt?.encryption.recipients.map(({ fingerprint }) => fingerprint) ?? []);
  const isOwn = ({ certificate }: T): boolean => recipients.includes(certificate.fingerprint);
  return { signers: signers.filter((one) => !isOwn(one)), own: signers.filter(isOwn) };
}
