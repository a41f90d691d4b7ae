/** The files that a person chose: which of them is what, which of several belong together, and what the small ones say. What is left aside is said. */
import { succeeds } from '../abort.js';
import { DepotError, isDepotError } from '../errors.js';
import { parseSuitcaseName } from '../names/deposit.js';
import type { Certificate } from '../pgp/certificate.js';
import { readCertificate } from '../pgp/keys.js';
import type { VerifiedSignature } from '../pgp/signature.js';
import { printable } from '../printable.js';
import { type Exhibits, verifySigned } from '../reader/exhibits.js';
import { fromBase64 } from '../base64.js';
import { parseReceipt } from '../receipt/parse.js';
import type { Receipt } from '../receipt/schema.js';
import { LARGEST_GIVEN_FILE, looseTextOf } from '../text-file.js';
import { sameBytes } from './primitives.js';
import type { Aside, Given } from './protocol.js';
import { bytesOf, preambleOf } from './suitcase-blob.js';

/** Which of the dropped files is what: by its content first, a name is only a name. */
export type Kind = 'suitcase' | 'receipt' | 'signature' | 'signers' | 'key';

const PEEK = 4096;

export async function kindOf(file: File): Promise<Kind | null> {
  const peeked = file.slice(0, PEEK).arrayBuffer();
  const start = new Uint8Array(await peeked.catch(() => new ArrayBuffer(0)));
  const text = looseTextOf(start).trimStart();
  if (text.includes('-----BEGIN PGP PRIVATE KEY BLOCK-----')) return 'key';
  if (text.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----')) return 'signers';
  if (text.includes('-----BEGIN PGP SIGNATURE-----')) return 'signature';
  if (text.startsWith('{') && text.includes('depot.receipt/')) return 'receipt';
  return byPacket(start[0] ?? 0) ?? (/\.(?:pgp|gpg)$/i.test(file.name) ? 'suitcase' : null);
}

/** The type of the first OpenPGP packet (RFC 9580, section 4.2). */
function byPacket(first: number): Kind | null {
  if ((first & 0x80) === 0) return null;
  const type = (first & 0x40) === 0 ? (first >> 2) & 0x0f : first & 0x3f;
  if (type === 1 || type === 3 || type === 18) return 'suitcase';
  return ({ 2: 'signature', 5: 'key', 6: 'signers' } as const)[type] ?? null;
}

interface Read {
  /** Throws what is wrong with it: a receipt that is none is a finding. Null when none was given. */
  receipt: (() => GivenReceipt) | null;
  signature: Exhibits['signature'];
  aside: Omit<Aside, 'nights'>;
}

/** What the checks of one suitcase are made with. */
export type GivenForOne = Pick<Given, 'receipts' | 'signatures' | 'signers' | 'agentSha256'> & {
  suitcase: File | null;
};

/** Receipts that count, signed by a given signer where there is any, and how each of them is verified. */
export interface Counted {
  receipts: GivenReceipt[];
  /** Null where no signer was given. */
  verify: ((given: GivenReceipt) => Promise<VerifiedSignature>) | null;
}

/** `ownKey`: fingerprint of the private key. @throws DepotError 'local-unreadable', 'key-unreadable' */
export async function countedReceipts(given: Given, ownKey: string | null): Promise<Counted> {
  const signatures = await Promise.all(given.signatures.map(named));
  const signers = await readSigners(given.signers);
  const othersOf = (receipt: Receipt): Certificate[] =>
    withoutOwnKeys(signers, ownKey, receipt).signers.map(({ certificate }) => certificate);
  const verify = (one: GivenReceipt): Promise<VerifiedSignature> => verifyBy(signatures, othersOf(one.receipt), one);
  const { receipts: all } = parsed(await Promise.all(given.receipts.map(named)));
  const receipts: GivenReceipt[] = [];
  for (const one of all) if (signers.length === 0 || (await succeeds(verify(one)))) receipts.push(one);
  return { receipts, verify: signers.length === 0 ? null : verify };
}

async function readSigners(files: File[]): Promise<{ name: string; certificate: Certificate }[]> {
  const signers: { name: string; certificate: Certificate }[] = [];
  for (const file of files)
    signers.push({ name: printable(file.name), certificate: await readCertificate(await small(file)) });
  return signers;
}

/**
 * Reads them, and of several receipts takes the one that belongs to the suitcase. `ownKey`: fingerprint of the private
 * key. @throws DepotError 'local-unreadable', 'key-unreadable'
 */
export async function readGiven(given: GivenForOne, ownKey: string | null): Promise<Read> {
  const signatures = await Promise.all(given.signatures.map(named));
  const signers = await readSigners(given.signers);
  const others = (read: GivenReceipt | null): Certificate[] =>
    withoutOwnKeys(signers, ownKey, read?.receipt ?? null).signers.map(({ certificate }) => certificate);

  let chosen: Choice | null = null;
  let refusal: DepotError | null = null;
  if (given.receipts.length > 0) {
    const files = await Promise.all(given.receipts.map(named));
    const wanted = await wantedReceipt(given);
    try {
      chosen = await chooseReceipt(files, wanted, (read) => verifyBy(signatures, others(read), read));
    } catch (error) {
      if (!isDepotError(error, 'verification-failed')) throw error;
      refusal = error;
    }
  }
  const receipt = chosen?.given ?? null;
  const counted = others(receipt);
  return {
    receipt:
      given.receipts.length === 0
        ? null
        : () => {
            if (refusal !== null) throw refusal;
            return receipt!;
          },
    signature: counted.length === 0 ? null : () => verifyBy(signatures, counted, receipt!),
    aside: {
      receipts: chosen?.aside ?? null,
      ownKeys: withoutOwnKeys(signers, ownKey, receipt?.receipt ?? null).own.map(({ name }) => name),
    },
  };
}

async function wantedReceipt({ receipts, suitcase, agentSha256 }: GivenForOne): Promise<Wanted> {
  let pkesk: Uint8Array | null = null;
  // What is wrong with the suitcase is found when its turn comes.
  if (suitcase !== null && receipts.length > 1)
    pkesk = await preambleOf(suitcase).then(
      ({ preamble }) => preamble.pkesk,
      () => null,
    );
  return { pkesk, suitcaseName: suitcase?.name ?? null, agentSha256: agentSha256 === '' ? null : agentSha256 };
}

async function named(file: File): Promise<SmallFile> {
  return { name: file.name, bytes: await small(file) };
}

/** Keys, receipts and signatures. @throws DepotError 'local-unreadable' */
export async function small(file: File): Promise<Uint8Array> {
  if (file.size > LARGEST_GIVEN_FILE)
    throw new DepotError(
      'local-unreadable',
      `${printable(file.name)} has ${file.size} bytes, too many for a key, signature or receipt`,
      { hint: 'choose another file' },
    );
  return new Uint8Array(await bytesOf(file));
}

/** A file's name and its bytes: what a person chose, small enough to be a receipt, a signature or a key. */
interface SmallFile {
  name: string;
  bytes: Uint8Array;
}

export interface GivenReceipt extends SmallFile {
  receipt: Receipt;
}

interface Choice {
  given: GivenReceipt;
  aside: Aside['receipts'];
}

/** By what a receipt can be told: the session key packets and the name of the suitcase, and what the agent says that it holds. */
interface Wanted {
  pkesk: Uint8Array | null;
  suitcaseName: string | null;
  /** Lower-case hex. */
  agentSha256: string | null;
}

/**
 * The receipt of what is checked: the one that quotes the suitcase's session key packets, else the one of its name,
 * else the one with the digest that the agent told, else the newest. Among several of those the first that `signed`
 * resolves for: a changed copy beside the true receipt must not decide. @throws DepotError 'verification-failed' when
 * no file holds a receipt
 */
async function chooseReceipt(
  files: SmallFile[],
  wanted: Wanted,
  signed: (given: GivenReceipt) => Promise<unknown>,
): Promise<Choice> {
  const { receipts, refusal } = parsed(files);
  if (receipts.length === 0) throw refusal!;
  const candidates = belonging(receipts, wanted);
  let given = candidates[0]!;
  // That none of them is signed is found when the signature is checked.
  for (const candidate of candidates.length === 1 ? [] : candidates) {
    if (!(await succeeds(signed(candidate)))) continue;
    given = candidate;
    break;
  }
  const others = files.filter(({ bytes }) => !sameBytes(bytes, given.bytes)).map(({ name }) => printable(name));
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
    ({ receipt }) => pkesk !== null && sameBytes(fromBase64(receipt.keyProof.pkesk) ?? new Uint8Array(0), pkesk),
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
 * Verifies the receipt by whichever of the signatures belongs to it; the one of its name is tried first, and its error
 * is the one that counts. @throws DepotError 'verification-failed'; 'incomplete' without any signature
 */
async function verifyBy(
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
 * Splits off public keys that are the holder's own: what they signed says nothing of the supplier. Known by the private
 * key, and where none was given, by the recipients that the receipt names.
 */
function withoutOwnKeys<T extends { certificate: Certificate }>(
  signers: T[],
  ownKey: string | null,
  receipt: Receipt | null,
): { signers: T[]; own: T[] } {
  const recipients =
    ownKey !== null ? [ownKey] : (receipt?.encryption.recipients.map(({ fingerprint }) => fingerprint) ?? []);
  const isOwn = ({ certificate }: T): boolean => recipients.includes(certificate.fingerprint);
  return { signers: signers.filter((one) => !isOwn(one)), own: signers.filter(isOwn) };
}
