/** Checking a ledger: what is missing, changed or reordered, here and against receipts that others hold. */
import { readdir } from 'node:fs/promises';
import { isDepotError } from '../errors.js';
import { errorCode, localError } from '../durable-file.js';
import { sha256Hex } from '../primitives.js';
import { receiptName } from '../names/deposit.js';
import { attestationFaults } from './attested.js';
import {
  linesOf,
  linesPerDeposit,
  readLedger,
  readLedgerId,
  unlistedDeposits,
  type LedgerFile,
  type LedgerLine,
  type RawLine,
} from './ledger.js';
import { isPending } from './pending.js';
import { parseReceipt } from '../receipt/parse.js';
import type { Receipt } from '../receipt/schema.js';
import type { ArrangementState, StoredReceipt } from './arrangement-state.js';
import { receiptFiles } from './receipt-files.js';

/**
 * `missing`: a line or a receipt is gone; `changed`: it, or an attestation, is not what was written; `reordered`: lines
 * stand in another order; `unlisted`: a receipt without a line (the ledger's end was cut off, or it is from elsewhere);
 * `forked`: another hand holds another receipt for the same line; `signature`: not signed by the signers given.
 */
export type ProblemKind = 'missing' | 'changed' | 'reordered' | 'unlisted' | 'forked' | 'signature';

export interface LedgerProblem {
  kind: ProblemKind;
  /** Line number in the ledger, null where the problem is not about one. */
  sequence: number | null;
  depositId: string | null;
  message: string;
}

export interface LedgerAudit {
  ledgerId: string | null;
  lines: number;
  receipts: number;
  /** The newest receipt that was found: nothing is known of what stood after its line. */
  newest: { depositId: string; sequence: number; receiptSha256: string } | null;
  /** With any of these the ledger is broken (exit 32). */
  problems: LedgerProblem[];
  /** Said, but no fault: a torn last line, a deposit that is still pending. */
  warnings: string[];
  /** What could not be checked, and why. */
  unchecked: string[];
  /** Receipts that are there and could not be read, and what to do about it: the whole is incomplete (exit 24). */
  unreadable: { depositId: string; message: string; hint: string | null }[];
}

/** Says what is wrong with a signature over these bytes, or null when it is good. Signers are the caller's. */
export type SignatureCheck = (bytes: Uint8Array, armoredSignature: string, receipt: Receipt) => Promise<string | null>;

/** Takes what an audit reads: who lists the receipts too need not read twenty thousand of them again. */
export interface ReceiptList {
  /** Superseded ones among them. */
  add(stored: StoredReceipt, receipt: Receipt): void;
  unreadable(file: Pick<StoredReceipt, 'path' | 'superseded'>): void;
}

/** Checks the ledger and the receipts of this state directory; changes nothing, needs no lock. `ledger`: where it was read already. */
export async function verifyLedger(
  state: ArrangementState,
  checkSignature?: SignatureCheck,
  ledger?: LedgerFile,
  list?: ReceiptList,
): Promise<LedgerAudit> {
  const { raw, torn } = ledger ?? (await readLedger(state));
  const audit = beginAudit(raw, await readLedgerId(state.stateDirectory), checkSignature);
  if (torn > 0)
    audit.warnings.push(
      'the last line of the ledger is incomplete, as after a power failure; the next push repairs it',
    );
  checkChain(raw, audit);
  const listed = new Set(raw.map(({ line }) => line?.receiptSha256));
  const stored = await examineReceipts(state.directory, audit, listed, checkSignature, list);
  audit.receipts = stored.length;
  checkFiledReceipts(raw, stored, audit);
  const problem = (kind: ProblemKind, depositId: string, message: string) =>
    audit.problems.push({ kind, sequence: null, depositId, message });
  for (const one of stored) {
    if (listed.has(one.sha256)) continue;
    if (await isPending(state, one.depositId))
      audit.warnings.push(`${one.path} has no line in the ledger yet; its deposit is pending`);
    else problem('unlisted', one.depositId, `the ledger has no line for ${one.path}`);
  }
  // Neither line nor receipt, and yet a run or an attestation tells of it.
  const told = new Set([...stored, ...audit.unreadable].map(({ depositId }) => depositId));
  for (const depositId of await unlistedDeposits(state, linesPerDeposit(linesOf({ raw })))) {
    const what = `the ledger has no line for ${depositId}, which other files here mention, and its receipt is missing`;
    if (!told.has(depositId)) problem('missing', depositId, what);
  }
  for (const { depositId, message } of await attestationFaults(state)) problem('changed', depositId, message);
  return audit;
}

export function beginAudit(raw: RawLine[], ledgerId: string | null, checkSignature?: SignatureCheck): LedgerAudit {
  const unchecked = checkSignature === undefined ? ['signatures: no signer was given'] : [];
  return {
    ledgerId,
    lines: raw.length,
    receipts: 0,
    newest: null,
    problems: [],
    warnings: [],
    unchecked,
    unreadable: [],
  };
}

type Found = NonNullable<LedgerAudit['newest']>;
export function noteNewest(audit: LedgerAudit, { depositId, sequence, receiptSha256 }: Found): void {
  if (audit.newest === null || sequence > audit.newest.sequence) audit.newest = { depositId, sequence, receiptSha256 };
}

/** Sequence numbers, the hashes of predecessors, and one ledger id throughout. */
function checkChain(raw: RawLine[], audit: LedgerAudit): void {
  const report = (kind: ProblemKind, sequence: number, line: LedgerLine | null, message: string) =>
    audit.problems.push({ kind, sequence, depositId: line?.depositId ?? null, message });
  const bySequence = new Map<number, RawLine>();
  for (const one of raw) {
    if (one.line === null) report('changed', one.number, null, `line ${one.number} is not a ledger line`);
    else if (bySequence.has(one.line.sequence))
      report('reordered', one.line.sequence, one.line, `line ${one.line.sequence} appears twice`);
    else bySequence.set(one.line.sequence, one);
  }
  let highest = 0;
  for (const { number, line } of raw) {
    if (line === null) {
      highest++;
      continue;
    }
    if (line.sequence <= highest && bySequence.get(line.sequence)?.number === number) {
      report('reordered', line.sequence, line, `line ${line.sequence} comes after line ${highest}`);
    }
    for (let gap = highest + 1; gap < line.sequence; gap++) {
      if (!bySequence.has(gap)) report('missing', gap, null, `line ${gap} is missing`);
    }
    highest = Math.max(highest, line.sequence);
    const before = bySequence.get(line.sequence - 1);
    if (before !== undefined && line.previousSha256 !== sha256Hex(before.bytes)) {
      const what = `line ${line.sequence} was written after a different line ${line.sequence - 1}`;
      report('changed', line.sequence - 1, before.line, what);
    }
    if (audit.ledgerId === null || line.ledgerId !== audit.ledgerId) {
      const belongs = `belongs to ledger ${line.ledgerId}, but this state directory to ${audit.ledgerId ?? 'none'}`;
      report('changed', line.sequence, line, `line ${line.sequence} ${belongs}`);
    }
  }
}

/** What an audit keeps of a receipt: twenty thousand whole ones would be a hundred MiB. */
interface Examined extends Pick<StoredReceipt, 'depositId' | 'path' | 'sha256'> {
  /** What it says of itself, or why its bytes are none. */
  says: Pick<Receipt, 'depositId' | 'completedAt' | 'ledger'> | string;
  /** What is wrong with its signature, where the ledger lists it. */
  signatureFault: string | null;
}

/** So many signatures are checked at a time. */
const checkedAtOnce = 32;

/** All receipts in the directory, each read once. Signatures of those that no line lists are not looked at: nothing would be said of them. */
async function examineReceipts(
  directory: string,
  audit: LedgerAudit,
  listed: ReadonlySet<string | undefined>,
  checkSignature?: SignatureCheck,
  list?: ReceiptList,
): Promise<Examined[]> {
  const examined: Examined[] = [];
  let waiting: (() => Promise<void>)[] = [];
  let checking: Promise<unknown> = Promise.resolve();
  /** All that wait together, so that the threads beside this one are woken once for them; the next receipts are read meanwhile. */
  const begin = (): Promise<unknown> => {
    const begun = Promise.all(waiting.map((check) => check()));
    // Thrown where it is awaited.
    begun.catch(() => undefined);
    waiting = [];
    return begun;
  };
  for await (const stored of readReceipts(directory, audit, list)) {
    const { depositId, path, sha256 } = stored;
    const { receipt, wrong } = readStored(stored);
    if (receipt === null) list?.unreadable(stored);
    else list?.add(stored, receipt);
    if (wrong !== null) {
      examined.push({ depositId, path, sha256, says: wrong, signatureFault: null });
      continue;
    }
    const { completedAt, ledger } = receipt;
    const one: Examined = {
      ...{ depositId, path, sha256 },
      says: { depositId: receipt.depositId, completedAt, ledger },
      signatureFault: null,
    };
    examined.push(one);
    if (!listed.has(sha256)) continue;
    waiting.push(async () => {
      one.signatureFault = await signatureFault(stored, receipt, checkSignature);
    });
    if (waiting.length < checkedAtOnce) continue;
    await checking;
    checking = begin();
  }
  await checking;
  await begin();
  return examined;
}

/** Every line that files a receipt: its receipt is there, says so itself, and is signed. */
function checkFiledReceipts(raw: RawLine[], stored: Examined[], audit: LedgerAudit): void {
  const bySha256 = new Map(stored.map((one) => [one.sha256, one]));
  const lineDigests = new Set(raw.map(({ line }) => line?.receiptSha256));
  /** Receipts of a deposit that no line lists; the first of each. */
  const unlisted = new Map<string, Examined>();
  for (const one of stored)
    if (!lineDigests.has(one.sha256) && !unlisted.has(one.depositId)) unlisted.set(one.depositId, one);
  const closedDeposits = new Set(audit.unreadable.map(({ depositId }) => depositId));
  const filed = new Map<string, string>();
  let previous: string | null = null;
  // In the order of their numbers, each once: order itself is checkChain's, and need not be reported again.
  const lines = new Map(raw.flatMap(({ line }) => (line === null ? [] : [[line.sequence, line] as const])));
  for (const line of [...lines.values()].sort((a, b) => a.sequence - b.sequence)) {
    const report = (kind: ProblemKind, message: string) =>
      audit.problems.push({ kind, sequence: line.sequence, depositId: line.depositId, message });
    if (line.kind === 'destroyed') {
      if (filed.get(line.depositId) !== line.receiptSha256)
        report(
          'changed',
          `line ${line.sequence} notes the destruction of a deposit, but names no receipt that the ledger has`,
        );
      continue;
    }
    const found = bySha256.get(line.receiptSha256);
    if (line.kind === 'superseded' ? filed.get(line.depositId) !== line.supersedes : filed.has(line.depositId)) {
      report('changed', `line ${line.sequence} does not fit the earlier lines about ${line.depositId}`);
    }
    filed.set(line.depositId, line.receiptSha256);
    // What is there and closed to this account is neither missing nor changed, as far as can be known.
    const closed = closedDeposits.has(line.depositId);
    if (found === undefined && !closed) {
      const other = unlisted.get(line.depositId);
      if (other === undefined)
        report('missing', `the receipt of line ${line.sequence} is missing: ${receiptName(line.depositId)}`);
      else report('changed', `${other.path} is not the receipt that line ${line.sequence} was written for`);
    } else if (found !== undefined) {
      const why = faultOf(found, line, previous);
      if (why !== null) report(why.kind, why.message);
      noteNewest(audit, line);
    }
    previous = line.receiptSha256;
  }
}

function faultOf(
  found: Examined,
  line: LedgerLine,
  previous: string | null,
): Pick<LedgerProblem, 'kind' | 'message'> | null {
  const receipt = found.says;
  if (typeof receipt === 'string') return { kind: 'changed', message: receipt };
  const { id, sequence, previousReceiptSha256 } = receipt.ledger;
  if (
    receipt.depositId !== line.depositId ||
    id !== line.ledgerId ||
    sequence !== line.sequence ||
    receipt.completedAt !== line.time
  ) {
    return { kind: 'changed', message: `line ${line.sequence} does not match its receipt, ${found.path}` };
  }
  if (previousReceiptSha256 !== previous) {
    const message = `a line is missing or changed before line ${line.sequence}: its receipt was written after a different one`;
    return { kind: 'missing', message };
  }
  return found.signatureFault === null ? null : { kind: 'signature', message: found.signatureFault };
}

export async function signatureFault(
  found: StoredReceipt,
  receipt: Receipt,
  checkSignature?: SignatureCheck,
): Promise<string | null> {
  if (checkSignature === undefined) return null;
  if (found.signature === null) return `${found.path} has no signature`;
  const why = await checkSignature(found.bytes, found.signature, receipt);
  return why === null ? null : `${found.path}: ${why}`;
}

/** The receipts in a directory; what cannot be read of them is noted in `audit`. */
export async function* readReceipts(
  directory: string,
  audit: LedgerAudit,
  list?: ReceiptList,
): AsyncGenerator<StoredReceipt, void> {
  let names: string[];
  try {
    names = (await readdir(directory)).sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && audit.lines === 0) return;
    throw localError(error, 'read', directory);
  }
  for await (const one of receiptFiles(directory, names, true)) {
    if (!('error' in one)) {
      yield one;
      continue;
    }
    const { depositId, error } = one;
    list?.unreadable(one);
    audit.unchecked.push(error.message);
    // A receipt that became too large, or a link, is not the one that was written; one that is closed may well be.
    if (['EACCES', 'EPERM'].includes(errorCode(error.cause) ?? ''))
      audit.unreadable.push({ depositId, message: error.message, hint: error.hint ?? null });
  }
}

/** What the bytes say, and what is wrong with that: it is no receipt, or that of another deposit. */
export function readStored({ bytes, depositId, path }: StoredReceipt): Read {
  try {
    const receipt = parseReceipt(bytes, path);
    if (receipt.depositId === depositId) return { receipt, wrong: null };
    return { receipt, wrong: `${path} is the receipt of ${receipt.depositId}` };
  } catch (error) {
    if (isDepotError(error)) return { receipt: null, wrong: error.message };
    throw error;
  }
}
type Read = { receipt: Receipt; wrong: null } | { receipt: Receipt; wrong: string } | { receipt: null; wrong: string };
