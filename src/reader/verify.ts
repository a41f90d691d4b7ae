import path from 'node:path';
import { DepotError, isDepotError } from '../errors.js';
import { receiptName } from '../names/deposit.js';
import { openSuitcase } from '../open/opening.js';
import { type Inspection, inspectSuitcase } from '../open/inspect.js';
import type { SecretKey } from '../pgp/certificate.js';
import { verifyAlone } from './chain/alone.js';
import { readGiven, wipe } from './chain/given.js';
import { refusalOf, skippedLines } from './chain/given-receipts.js';
import { askFor, findMembers, isWhole, type Member, newestWhole } from './chain/members.js';
import { chooseNight } from './chain/nights.js';
import { tellsOf } from './chain/stated.js';
import type { ScratchFile } from './chain/scratch-file.js';
import { scratchFor, verifyMembers } from './chain/verify-night.js';
import { type ProvenDeposit, verifyEarlierReceipts } from './chain/verify-receipts.js';
import { Checks, together, type Verification } from './checks.js';
import { otherReceipt, verifyExhibits, type Proven, type SuitcaseExhibit } from './exhibits.js';
import { readReceipt, receiptsBeside, verifyReceipt, type GivenReceipt } from './named-files.js';
import type { OpeningKey } from './key-proof.js';
import { openingOf } from '../receipt/proof.js';
import { adviceOnKey, openingKeyOf, type KeyPlace } from './opening-key.js';
import { openSuitcaseFile, piecesOf, requireReadable, type SuitcaseFile } from './suitcase-file.js';

export interface VerifyOptions extends KeyPlace {
  suitcase?: string | undefined;
  /** Where that is one of several: checks those that it needs. */
  others?: (checks: Checks, proven: (deposit: ProvenDeposit) => void) => Promise<void>;
  receipt?: string | undefined;
  /** Why that receipt does not count, where it was read before. */
  refused?: DepotError | undefined;
  /** The receipt's name with `.asc` when left out. */
  signature?: string | undefined;
  /** Paths of public keys; the receipt must be signed by one of them. */
  signers: string[];
  /** Decrypt everything and compare every entry with the manifest. */
  deep: boolean;
  /** Most bytes of content that `deep` reads; without it the receipt says how much there can be. */
  maxSize?: number | undefined;
  /** Lower-case hex: what the agent says is the SHA-256 of the file that it holds. */
  agentSha256?: string | undefined;
  /** The signature is deliberately not checked. */
  noSignature: boolean;
}

/** A verification, and what an attestation can be made of when the key was proven. */
export interface Verified extends Verification {
  evidence: Evidence | null;
  /** What to do about what failed, where that is known. */
  advice: string | null;
  /** The most bytes of content that were allowed, where more came out. */
  exceeded: number | null;
}

export interface Evidence extends Proven {
  given: GivenReceipt;
  /** Of an increment, the deposits before it that the key opens, the full one first. */
  earlier: ProvenDeposit[];
  /** Null where the key is not in a file. */
  secret: SecretKey | null;
}

export interface VerifyHooks {
  warn(message: string): void;
  /** What is good to know before it takes long. */
  note(message: string): void;
  progress(p: { bytes: number; totalBytes: number | null }): void;
}

/** Every check that the given files allow (exhibits.ts). Writes nothing; throws only what is no finding. */
export async function verify(o: VerifyOptions, hooks: VerifyHooks): Promise<Verified> {
  const { receipt, suitcase } = o;
  // Before anyone is asked for a passphrase.
  if (suitcase !== undefined) await requireReadable(suitcase);
  const key = await openingKeyOf(o);
  const read: { given: GivenReceipt | null } = { given: null };
  const { proven, ...own } = await verifyExhibits({
    receipt: receipt === undefined ? null : async () => (read.given = await receiptFrom(receipt, o.refused)),
    signature:
      o.signers.length === 0 || receipt === undefined
        ? null
        : async (given) => {
            if (o.refused !== undefined) throw o.refused;
            return verifyReceipt({ ...given, path: receipt }, o.signature, o.signers);
          },
    noSignature: o.noSignature,
    suitcase: suitcase === undefined ? null : () => suitcaseFrom(suitcase, o, hooks),
    key,
    deep: o.deep,
    withOthers: o.others !== undefined,
    maxSize: o.maxSize ?? null,
    // Nothing is written, and memory does not grow.
    unproven: null,
    agentSha256: o.agentSha256 ?? null,
    hints: true,
    warn: (message) => hooks.warn(message),
  });
  const checks = new Checks(true);
  const earlier: ProvenDeposit[] = [];
  const provenToo = (deposit: ProvenDeposit): void => void earlier.push(deposit);
  if (o.others !== undefined) await o.others(checks, provenToo);
  else if (read.given !== null)
    await verifyEarlierReceipts({ ...earlierReceipts(o, read.given, key), proven: provenToo }, checks);
  const opens = own.checks.some(({ name, result }) => name === 'key-proof' && result === 'passed');
  if (o.others === undefined && suitcase !== undefined && key !== null && opens)
    await verifyAlone(suitcase, { receipt: read.given?.receipt ?? null, key }, checks);
  const verification = { ...own, ...together(own, checks.verdict()) };
  const advice = key?.secret == null || proven === null ? null : await adviceOnKey(key.secret, new Date());
  if (advice !== null) hooks.warn(advice);
  const another =
    read.given !== null &&
    suitcase !== undefined &&
    verification.checks.some(({ name, result }) => name === 'key-packets' && result === 'failed')
      ? otherReceipt(suitcase, read.given.receipt.depositId)
      : null;
  return {
    ...verification,
    advice: another,
    evidence:
      read.given === null || proven === null
        ? null
        : { ...proven, earlier, given: read.given, secret: key?.secret ?? null },
  };
}

function receiptFrom(file: string, refused: DepotError | undefined): Promise<GivenReceipt> {
  return readReceipt(file).catch((error: unknown) => {
    throw refused ?? error;
  });
}

/** Those that lie beside the receipt. */
function earlierReceipts({ signers, noSignature }: VerifyOptions, given: GivenReceipt, key: OpeningKey | null) {
  return {
    receipt: given.receipt,
    find: (depositId: string) =>
      readReceipt(path.join(path.dirname(given.path), receiptName(depositId))).catch((error: unknown) => {
        if (isDepotError(error, 'local-unreadable')) return null;
        throw error;
      }),
    all: () => receiptsBeside(given),
    verify: signers.length === 0 ? null : (earlier: GivenReceipt) => verifyReceipt(earlier, undefined, [...signers]),
    noSignature,
    key,
  };
}

/** A suitcase in a file, or in a pipe, which has no size and cannot be read twice. */
async function suitcaseFrom(name: string, { signal }: VerifyOptions, hooks: VerifyHooks): Promise<SuitcaseExhibit> {
  const file = await openSuitcaseFile(name);
  const { handle, preamble, consumed, bytes: totalBytes } = file;
  const progress = (bytes: number): void => hooks.progress({ bytes, totalBytes });
  const inspect = (from: SuitcaseFile): Promise<Inspection> =>
    inspectSuitcase(piecesOf(from, signal), from.preamble, from.consumed.length - from.preamble.rest.length, progress);
  return {
    preamble,
    inspect: () => inspect(file),
    open: ({ sessionKey, cipher }, limit) =>
      openSuitcase(
        {
          fd: handle.fd,
          preamble,
          consumed,
          sessionKey,
          cipher,
          mode: { kind: 'check' },
          maxBytes: limit,
          maxWritten: null,
          maxEntries: null,
          wantsSha256: true,
        },
        { signal, warn: (message) => hooks.warn(message), progress },
      ),
    async inspectAgain() {
      if (totalBytes === null) return null;
      const again = await openSuitcaseFile(name);
      try {
        return await inspect(again);
      } finally {
        await again.handle.close();
      }
    },
    close: () => handle.close(),
  };
}

export interface VerifyNightOptions extends VerifyOptions {
  /** Suitcases, and directories that hold them. */
  suitcases: string[];
  /** A deposit's id. */
  at?: string | undefined;
  /** With `deep`: a directory for a file in which the night is put together, encrypted. */
  scratch?: string | undefined;
}

export interface VerifiedNight extends Verified {
  night: { depositId: string; number: number; leftAside: string[] };
}

/** As `verify`, of the newest night among several suitcases, or of the one that `at` names. */
export async function verifyNight(o: VerifyNightOptions, hooks: VerifyHooks): Promise<VerifiedNight> {
  const key = await openingKeyOf(o);
  if (key === null)
    throw new DepotError(
      'usage',
      'a directory, or several suitcases, need a key: only that shows which belong together',
      {
        hint: 'add --key FILE, or --gpg; or name one suitcase, with its receipt',
      },
    );
  const given = await readGiven(o, key);
  let scratch: ScratchFile | null = null;
  try {
    const named = o.receipt === undefined ? undefined : given.receipts[0]?.receipt.depositId;
    const choice = await chooseNight(given, o.at ?? named);
    const { night } = choice;
    const refusal = refusalOf(night, given.passedOver, o.signers);
    skippedLines(given.passedOver, night, refusal).forEach((line) => hooks.warn(line));
    const found = await findMembers(night, given);
    const receipts = given.receipts.map(({ receipt }) => receipt);
    scratch = await scratchFor({ ...o, receipts }, (message) => hooks.note(message), found);
    const verified = await verify(
      {
        ...o,
        suitcase: night.suitcase?.path,
        receipt: night.receipt?.path ?? refusal?.path,
        refused: refusal?.error,
        others: async (checks, proven) => {
          if (
            night.suitcase !== null &&
            night.receipt !== null &&
            !tellsOf(night.receipt.receipt.chain, night.suitcase.chain)
          )
            checks.failed('chain', 'the receipt and the suitcase name different chains');
          await verifyMembers(o, hooks, { found, scratch }, checks);
          found.members.slice(0, -1).forEach((member) => proveMember(member, proven));
        },
      },
      hooks,
    );
    const whole = isWhole(found) || refusal !== null ? null : await newestWhole(found, choice, given);
    // What would help with another receipt leads past one that was forged.
    const onReceipt = refusal === null ? verified.advice : null;
    const advice = isWhole(found) ? onReceipt : askFor(whole);
    const { id, needs } = night;
    return { ...verified, advice, night: { depositId: id, number: needs?.length ?? 0, leftAside: choice.leftAside } };
  } finally {
    scratch?.close();
    wipe(given.suitcases);
  }
}

/** A suitcase before the wanted one, which the key opens. */
function proveMember({ depositId, suitcase, need }: Member, proven: (deposit: ProvenDeposit) => void): void {
  if (suitcase?.unwrapped == null || suitcase.pkesk === undefined || need === null) return;
  const opening = openingOf(suitcase.unwrapped.sessionKey, suitcase.pkesk, depositId);
  proven({ depositId, suitcaseSha256: need.sha256, opening });
}
