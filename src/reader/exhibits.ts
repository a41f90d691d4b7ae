/** The checks of `verify`, for files and for what was dropped on the offline page: so both say the same. */
import type { ManifestResult } from '../dataset/compare.js';
import { DepotError, isDepotError } from '../errors.js';
import type { Certificate } from '../pgp/certificate.js';
import type { Preamble } from '../pgp/preamble.js';
import type { UnwrappedSessionKey } from '../pgp/sessionkey.js';
import { verifyDetached, type VerifiedSignature } from '../pgp/signature.js';
import { sameBytes } from '../primitives.js';
import { commitmentOf, openingOf } from '../receipt/proof.js';
import { fromBase64 } from '../base64.js';
import { parseSuitcaseName, receiptName, timestamp } from '../names/deposit.js';
import type { Receipt } from '../receipt/schema.js';
import { deniedBy, tellsOf } from './chain/stated.js';
import { Checks, type Verification } from './checks.js';
import { proveKey, type OpeningKey } from './key-proof.js';
import type { Limit } from '../open/opening.js';
import { allowedBytes, contentLimit } from './limits.js';

/** What the suitcase itself showed, however it was read. */
export interface Seen {
  bytes: number;
  /** Hex SHA-256 of the whole suitcase. */
  sha256: string;
  head: Uint8Array;
  tail: Uint8Array | null;
}

/** A suitcase that was read as far as is needed to know who can open it. */
export interface SuitcaseExhibit {
  preamble: Preamble;
  /** To its end, without a key; `problem` is what is wrong with the OpenPGP structure. */
  inspect(): Promise<Seen & { problem: DepotError | null }>;
  /** Decrypts and authenticates all of it, to `limit` bytes of content, and compares the entries with the manifest. */
  open(
    unwrapped: UnwrappedSessionKey,
    limit: Limit | null,
  ): Promise<Seen & { plaintextOctets: number; contents: ManifestResult | null }>;
  /** As `inspect`, after an opening that failed; null where the suitcase cannot be read twice. */
  inspectAgain(): Promise<(Seen & { problem: DepotError | null }) | null>;
  close(): Promise<void>;
}

/** What there is to check, and what was asked for. Whatever is read is read when its turn comes. */
export interface Exhibits {
  /** Null when none was given. */
  receipt: (() => Promise<{ bytes: Uint8Array; receipt: Receipt }>) | null;
  /** Verifies the receipt against the given signers. Null when no signer was given. */
  signature: ((given: { bytes: Uint8Array; receipt: Receipt }) => Promise<VerifiedSignature>) | null;
  /** The signature is deliberately not checked. */
  noSignature: boolean;
  suitcase: (() => Promise<SuitcaseExhibit>) | null;
  key: OpeningKey | null;
  /** Decrypt everything and compare every entry with the manifest. */
  deep: boolean;
  /** The suitcases that an increment needs are checked, too, by the caller. */
  withOthers?: boolean;
  /** Most bytes of content that `deep` reads; without it the receipt says how much there can be. */
  maxSize: number | null;
  /** The most where neither that nor a receipt whose signature was verified says it; null for no end. */
  unproven: number | null;
  /** Lower-case hex: what the agent says is the SHA-256 of the file that it holds. */
  agentSha256: string | null;
  /** Details say what to type on a command line; a page has words of its own beside each check. */
  hints: boolean;
  warn(message: string): void;
}

/** What only who opened a deposit with its key can show. */
export interface Proven {
  /** The key or subkey that unwrapped the session key. */
  keyFingerprint: string;
  /** See receipt/proof.ts. */
  opening: Uint8Array;
}

/** A verification; `proven` when the key was seen to open the deposit that the receipt names. */
export interface Examined extends Verification {
  proven: Proven | null;
  /** The most bytes of content that were allowed, where more came out. */
  exceeded: number | null;
}

/**
 * Receipt against signer, suitcase against receipt, key against both, the agent's word against the receipt, contents
 * against manifest: whatever can be checked. Throws only what is no finding: what cannot be read, a signal.
 */
export async function verifyExhibits(o: Exhibits): Promise<Examined> {
  const checks = new Checks(o.hints);
  const receipt = await verifyReceipt(o, checks);
  const found: { proven: Proven | null; exceeded: number | null } = { proven: null, exceeded: null };
  if (o.suitcase === null) {
    checks.notPossible('suitcase', 'no suitcase given; what the agent holds was not checked');
    found.proven = await verifyKeyProof(receipt, o.key, checks);
  } else {
    found.proven = await verifySuitcase(o, o.suitcase, receipt, checks, (most) => (found.exceeded = most));
  }
  verifyAgentsWord(o, receipt, checks);
  return { ...checks.verdict(), ...found };
}

/** The fingerprint in the receipt proves nothing, but must be that of the key that signed. 'verification-failed' */
export async function verifySigned(
  given: { bytes: Uint8Array; receipt: Receipt },
  signature: string | Uint8Array,
  signers: Certificate[],
): Promise<VerifiedSignature> {
  const verified = await verifyDetached(given.bytes, signature, signers);
  const { signerFingerprint } = given.receipt.supplier;
  if (verified.fingerprint !== signerFingerprint) {
    throw new DepotError(
      'verification-failed',
      `the receipt is signed by ${verified.fingerprint}, but says that ${signerFingerprint} is its signer`,
    );
  }
  return verified;
}

async function verifyReceipt(o: Exhibits, checks: Checks): Promise<Receipt | null> {
  if (o.receipt === null) {
    checks[o.noSignature ? 'notPossible' : 'missing'](
      'receipt',
      'no receipt given: nothing shows who made this suitcase, or that it is complete',
    );
    return null;
  }
  const given = await checks.attempt('receipt', o.receipt);
  if (given === null) return null;
  const { depositId, supplier } = given.receipt;
  checks.passed('receipt', `of deposit ${depositId}, by ${supplier.name}`);
  if (o.noSignature) checks.notPossible('receipt-signature', 'left out, as asked: origin not proven');
  else if (o.signature === null)
    checks.missing(
      'receipt-signature',
      'no signer given: origin not proven',
      "name the supplier's public key with --signer",
    );
  else {
    const { signature } = o;
    const signed = await checks.attempt('receipt-signature', () => signature(given));
    signed?.warnings.forEach((warning) => o.warn(warning));
    if (signed) checks.passed('receipt-signature', `by ${signed.fingerprint}, ${timestamp(signed.signedAt)}`);
  }
  return given.receipt;
}

async function verifySuitcase(
  o: Exhibits,
  read: () => Promise<SuitcaseExhibit>,
  receipt: Receipt | null,
  checks: Checks,
  exceeded: (most: number) => void,
): Promise<Proven | null> {
  const { key } = o;
  const suitcase = await checks.attempt('suitcase-structure', read);
  if (suitcase === null) return null;
  let unwrapped: UnwrappedSessionKey | null = null;
  try {
    const { preamble } = suitcase;
    verifyRecipients(preamble, receipt, checks);
    unwrapped = key === null ? null : await attemptKey(checks, receipt, () => key.unwrap(preamble.pkesk));
    const seen =
      o.deep && unwrapped !== null
        ? await verifyContents(o, suitcase, receipt, unwrapped, checks, exceeded)
        : structure(preamble, await suitcase.inspect(), checks);
    if (o.deep && unwrapped === null) checks.missing('contents', 'the suitcase could not be opened');
    if (receipt !== null && seen !== null) compareWithReceipt(seen, preamble, receipt, checks);
    const proven = unwrapped === null ? null : verifyCommitment(preamble, unwrapped, receipt, checks);
    if (key === null) checks.notPossible('key-proof', 'no private key given', '--key');
    return proven;
  } finally {
    unwrapped?.sessionKey.fill(0);
    await suitcase.close();
  }
}

function structure({ encryption }: Preamble, seen: Seen & { problem: DepotError | null }, checks: Checks): Seen {
  if (seen.problem === null) checks.passed('suitcase-structure', `one OpenPGP message, ${encryption.packet}`);
  else checks.failed('suitcase-structure', seen.problem.message);
  return seen;
}

function verifyRecipients({ pkesks }: Preamble, receipt: Receipt | null, checks: Checks): void {
  const found = pkesks.map(({ recipient }) => recipient || 'anonymous');
  if (receipt === null) {
    checks.notPossible('recipients', `the suitcase names ${found.join(', ')}; there is no receipt to compare with`);
    return;
  }
  const expected = receipt.encryption.recipients.map(({ subkeyFingerprint }) => subkeyFingerprint);
  // Version 3 packets carry a key id: the last 16 digits of a v4 fingerprint, the first 16 of a v6 one.
  const names = (fingerprint: string, recipient: string): boolean =>
    recipient === fingerprint ||
    recipient === (fingerprint.length === 64 ? fingerprint.slice(0, 16) : fingerprint.slice(-16));
  const same = found.length === expected.length && expected.every((fingerprint, i) => names(fingerprint, found[i]!));
  if (same) checks.passed('recipients', receipt.encryption.recipients.map(named).join(', '));
  else
    checks.failed('recipients', `the suitcase is for ${found.join(', ')}, but the receipt says ${expected.join(', ')}`);
}

function named({ fingerprint, subkeyFingerprint }: Receipt['encryption']['recipients'][number]): string {
  return fingerprint === subkeyFingerprint ? fingerprint : `${fingerprint} (its subkey ${subkeyFingerprint})`;
}

/** With a receipt, the hint of 'not-addressed' can name whole keys and not only the parts that the suitcase names. */
export async function addressed<T>(work: Promise<T>, receipt: Receipt | null): Promise<T> {
  return work.catch((error: unknown) => {
    if (isDepotError(error, 'not-addressed') && receipt !== null) {
      error.hint = `use the private key of one of: ${receipt.encryption.recipients.slice(0, 8).map(named).join(', ')}`;
    }
    throw error;
  });
}

/** Another key, or one that does not fit, fails the key proof. */
function attemptKey<T>(checks: Checks, receipt: Receipt | null, work: () => Promise<T>): Promise<T | null> {
  return checks.attempt('key-proof', () => addressed(work(), receipt), ['verification-failed', 'not-addressed']);
}

/** The suitcase was opened with the key: is it the session key that the receipt was made with? */
function verifyCommitment(
  { pkesk }: Preamble,
  { sessionKey, keyFingerprint }: UnwrappedSessionKey,
  receipt: Receipt | null,
  checks: Checks,
): Proven | null {
  if (receipt === null) {
    checks.passed('key-proof', `key ${keyFingerprint} unwraps the session key of this suitcase`);
    return null;
  }
  const opening = openingOf(sessionKey, pkesk, receipt.depositId);
  if (commitmentOf(opening) !== receipt.keyProof.commitment) {
    checks.failed('key-proof', 'the session key in the suitcase is not the one that the receipt commits to');
    return null;
  }
  checks.passed('key-proof', opens(keyFingerprint, receipt));
  return { keyFingerprint, opening };
}

/** `deep`: everything is decrypted, authenticated and compared. Null when the suitcase could not even be digested. */
async function verifyContents(
  o: Exhibits,
  suitcase: SuitcaseExhibit,
  receipt: Receipt | null,
  unwrapped: UnwrappedSessionKey,
  checks: Checks,
  exceeded: (most: number) => void,
): Promise<Seen | null> {
  const { preamble } = suitcase;
  const limit = mostBytes(o, receipt, checks.has('receipt-signature', 'passed'));
  try {
    const opened = await suitcase.open(unwrapped, limit);
    const { packet } = preamble.encryption;
    checks.passed('suitcase-structure', `one OpenPGP message, ${packet}, authenticated to its last byte`);
    compareContents(opened.contents!, opened.plaintextOctets, receipt, checks);
    compareChain(o, opened.contents!, receipt, checks);
    return opened;
  } catch (error) {
    if (!isDepotError(error) || (error.code !== 'verification-failed' && error.code !== 'archive-refused')) throw error;
    checks.refused('contents', error);
    if (limit !== null && error.message === limit.exceeded.message) exceeded(limit.most);
  }
  // What is wrong inside says nothing of size and digest, and those are wanted too.
  const seen = await suitcase.inspectAgain();
  return seen === null ? null : structure(preamble, seen, checks);
}

/** How much may come out: what the user allows, else what the receipt says, more so when it is signed. */
function mostBytes({ maxSize, unproven }: Exhibits, receipt: Receipt | null, signed: boolean): Limit | null {
  if (maxSize !== null) return allowedBytes(maxSize, 'user');
  const claimed = receipt === null ? Infinity : contentLimit(receipt.dataset);
  if (signed) return allowedBytes(claimed, 'receipt');
  const most = Math.min(claimed, unproven ?? Infinity);
  return most === Infinity ? null : allowedBytes(most, most === claimed ? 'unverified receipt' : 'nobody');
}

function compareContents(
  contents: ManifestResult,
  plaintextOctets: number,
  receipt: Receipt | null,
  checks: Checks,
): void {
  const { manifest, entries, bytes, manifestSha256, problems } = contents;
  const summary = `${entries} entries, ${bytes} bytes`;
  if (manifest === 'none') {
    if (receipt !== null) checks.failed('contents', `${summary}, without the manifest that the receipt names`);
    else
      checks.missing(
        'contents',
        `${summary}; there is no manifest to compare with: this archive was not made by depot`,
      );
    return;
  }
  const wrong = [...problems];
  if (receipt !== null) {
    const { dataset, keyProof } = receipt;
    if (manifestSha256 !== dataset.manifestSha256) wrong.push('the manifest is not the one that the receipt names');
    if (entries !== dataset.entries || bytes !== dataset.bytes)
      wrong.push(`${summary}, but the receipt says ${dataset.entries} entries, ${dataset.bytes} bytes`);
    if (plaintextOctets !== keyProof.plaintextOctets)
      wrong.push(`${plaintextOctets} bytes of plaintext, but the receipt says ${keyProof.plaintextOctets}`);
    if (contents.complete !== null && contents.complete !== dataset.complete)
      wrong.push(`the manifest says complete: ${contents.complete}, but the receipt says ${dataset.complete}`);
    // What tells of another chain is said as such.
    const denied = tellsOf(receipt.chain, contents.chain ?? null) ? deniedBy(receipt.chain, contents) : null;
    if (denied !== null) wrong.push(denied);
  }
  if (wrong.length > 0) wrong.forEach((problem) => checks.failed('contents', problem));
  else checks.passed('contents', `${summary}; every entry matches the manifest`);
}

/** An increment is a part of its night only. */
function compareChain(o: Exhibits, { chain }: ManifestResult, receipt: Receipt | null, checks: Checks): void {
  if (receipt !== null && !tellsOf(receipt.chain, chain ?? null))
    checks.failed('chain', 'the receipt and the suitcase name different chains');
  if (chain === undefined || o.withOthers === true) return;
  const { number, deposits } = chain;
  checks.missing(
    'dataset',
    `this is increment ${number}: the dataset is whole only with the ${number === 1 ? 'suitcase' : `${number} suitcases`} before it, back to ${deposits[0]!.depositId}`,
    'name those too, or a directory that holds them all',
  );
}

/**
 * What to do where the receipt quotes other session key packets than the suitcase has. Mostly it is that of another
 * deposit, such as the one that came with the kit; null when the suitcase has the name that the receipt says.
 */
export function otherReceipt(suitcasePath: string, depositId: string): string | null {
  const named = parseSuitcaseName(suitcasePath.slice(suitcasePath.search(/[^\/\\]*$/)));
  if (named?.depositId === depositId) return null;
  const ofThis = named === null ? null : `of this deposit, ${receiptName(named.depositId)}`;
  const which = ofThis ?? 'whose name begins like that of the suitcase';
  return `take the receipt ${which}: the one given is of ${depositId}; without one leave out --receipt and --signer, and nothing shows who sealed it`;
}

function compareWithReceipt(seen: Seen, { pkesk }: Preamble, { suitcase, keyProof }: Receipt, checks: Checks): void {
  checks.equal('suitcase-size', seen.bytes, suitcase.bytes, `${seen.bytes} bytes`);
  checks.equal('suitcase-sha256', seen.sha256, suitcase.sha256, seen.sha256);
  const same = (name: string, found: Uint8Array | null, expected: string | null, what: string): void => {
    const wanted = expected === null ? null : fromBase64(expected);
    if (found !== null && wanted !== null && sameBytes(found, wanted))
      checks.passed(name, `${what} the same as in the receipt`);
    else checks.failed(name, `${what} not the same as in the receipt`);
  };
  same('key-packets', pkesk, keyProof.pkesk, 'the session key packets are');
  same('head', seen.head, keyProof.head, 'the first bytes of the encrypted data are');
  if (keyProof.tail !== null) same('tail', seen.tail, keyProof.tail, 'the last bytes of the encrypted data are');
}

/** By the fingerprint that its owner knows: what opens is mostly a part of the key, which nobody was ever shown. */
function opens(keyFingerprint: string, { depositId, encryption }: Receipt): string {
  const whole = encryption.recipients.find(
    ({ fingerprint, subkeyFingerprint }) => subkeyFingerprint === keyFingerprint && fingerprint !== keyFingerprint,
  );
  return whole === undefined
    ? `key ${keyFingerprint} opens deposit ${depositId}`
    : `key ${whole.fingerprint} opens deposit ${depositId} with its subkey ${keyFingerprint}`;
}

async function verifyKeyProof(receipt: Receipt | null, key: OpeningKey | null, checks: Checks): Promise<Proven | null> {
  if (receipt === null) return null;
  if (key === null) {
    checks.notPossible('key-proof', 'no private key given', '--key');
    return null;
  }
  const proof = await attemptKey(checks, receipt, () => proveKey(receipt, key));
  if (proof === null) return null;
  proof.sessionKey.fill(0);
  const scope =
    receipt.encryption.packet === 'SEIPDv1'
      ? 'its session key and its head'
      : 'its session key, its head and its final authentication tag';
  checks.passed('key-proof', `${opens(proof.keyFingerprint, receipt)}: ${scope}`);
  return { keyFingerprint: proof.keyFingerprint, opening: proof.opening };
}

/** The agent alone can say what it holds. No program sees where its digits come from. */
function verifyAgentsWord({ agentSha256 }: Exhibits, receipt: Receipt | null, checks: Checks): void {
  if (agentSha256 === null) {
    const hint = 'ask it to compute the SHA-256 of its file, then give that with --agent-sha256';
    checks.notPossible('agent-sha256', 'the agent was not asked what it holds', hint);
  } else if (receipt === null) {
    checks.missing('agent-sha256', "there is no receipt to compare the agent's digest with");
  } else {
    const said =
      'the agent gave the SHA-256 in the receipt, which is also in the files beside the suitcase: ask whether it computed them from the file, and when';
    checks.equal('agent-sha256', agentSha256, receipt.suitcase.sha256, said);
  }
}
