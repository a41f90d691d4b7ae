import { isDepotError } from '../errors.js';
import type { ManifestResult } from '../dataset/compare.js';
import { openSuitcase } from '../open/opening.js';
import { inspectSuitcase } from '../open/inspect.js';
import type { SecretKey } from '../pgp/keys.js';
import { unwrapSessionKey, type UnwrappedSessionKey } from '../pgp/sessionkey.js';
import type { Preamble } from '../pgp/reader.js';
import { commitmentOf, openingOf } from '../receipt/proof.js';
import { fromBase64, type Receipt } from '../receipt/schema.js';
import { Checks, type Verification } from './checks.js';
import { readPrivateKey, readReceipt, verifyReceipt, type GivenReceipt } from './given.js';
import { proveKey } from './key-proof.js';
import { contentLimit } from './limits.js';
import { openSuitcaseFile, type SuitcaseFile } from './suitcase-file.js';

export interface VerifyOptions {
  suitcase?: string;
  receipt?: string;
  /** The receipt's name with `.asc` when left out. */
  signature?: string;
  /** Paths of public keys; the receipt must be signed by one of them. */
  signers: string[];
  /** Path of the beneficiary's private key. */
  key?: string;
  /** Decrypt everything and compare every entry with the manifest. */
  deep: boolean;
  /** Most octets of content that `deep` reads; without it the receipt says how much there can be. */
  maxSize?: number;
  /** Lower-case hex: what the agent says is the SHA-256 of the file that it holds. */
  agentSha256?: string;
  /** The signature is deliberately not checked. */
  noSignature: boolean;
  passphrase: () => Promise<string | undefined>;
  signal: AbortSignal;
}

export interface VerifyHooks {
  warn(message: string): void;
  progress(p: { bytes: number; totalBytes: number | null }): void;
}

/** What the suitcase itself showed, however it was read. */
interface Seen {
  bytes: number;
  sha256: string;
  head: Uint8Array;
  tail: Uint8Array | null;
}

/**
 * Every check that is possible with what was given: receipt against signer, suitcase against receipt, key against both,
 * the agent's word against the receipt, contents against manifest. Writes nothing anywhere.
 *
 * @throws DepotError only for what is no finding: files that cannot be read, a wrong passphrase, a signal
 */
export async function verify(o: VerifyOptions, hooks: VerifyHooks): Promise<Verification> {
  const checks = new Checks();
  const key = o.key === undefined ? null : await readPrivateKey(o.key, o.passphrase);
  const given = await verifyGivenReceipt(o, checks, hooks);
  const receipt = given?.receipt ?? null;
  if (o.suitcase === undefined) {
    checks.notPossible('suitcase', 'no suitcase at hand; what the agent holds was not looked at');
    await verifyKeyProof(receipt, key, checks);
  } else {
    await verifySuitcase(o, o.suitcase, receipt, key, checks, hooks);
  }
  verifyAgentsWord(o, receipt, checks);
  return checks.verdict();
}

async function verifyGivenReceipt(o: VerifyOptions, checks: Checks, hooks: VerifyHooks): Promise<GivenReceipt | null> {
  const { receipt: path } = o;
  if (path === undefined) {
    checks[o.noSignature ? 'notPossible' : 'missing']('receipt', 'no receipt given: nothing shows who made this suitcase, nor that it is whole');
    return null;
  }
  const given = await checks.attempt('receipt', () => readReceipt(path));
  if (given === null) return null;
  const { depositId, supplier } = given.receipt;
  checks.passed('receipt', `of deposit ${depositId}, by ${supplier.name}`);
  if (o.noSignature) checks.notPossible('receipt-signature', 'left out, as asked: origin not proven');
  else if (o.signers.length === 0) checks.missing('receipt-signature', 'no signer given: origin not proven (name the supplier\'s public key with --signer)');
  else {
    const signed = await checks.attempt('receipt-signature', () => verifyReceipt(given, o.signature, o.signers));
    signed?.warnings.forEach((warning) => hooks.warn(warning));
    if (signed) checks.passed('receipt-signature', `by ${signed.fingerprint}, ${signed.signedAt.toISOString().slice(0, 19)}Z`);
  }
  return given;
}

async function verifySuitcase(o: VerifyOptions, path: string, receipt: Receipt | null, key: SecretKey | null, checks: Checks, hooks: VerifyHooks): Promise<void> {
  const file = await checks.attempt('suitcase-structure', () => openSuitcaseFile(path));
  if (file === null) return;
  try {
    const { preamble } = file;
    verifyRecipients(preamble, receipt, checks);
    const unwrapped = key === null ? null : await unwrap(preamble, key, checks);
    const seen = o.deep && unwrapped !== null
      ? await verifyContents(o, path, file, receipt, unwrapped, checks, hooks)
      : await inspect(file, checks, o, hooks);
    if (o.deep && unwrapped === null) checks.missing('contents', 'the suitcase could not be opened');
    if (receipt !== null && seen !== null) compareWithReceipt(seen, preamble, receipt, checks);
    if (unwrapped !== null) verifyCommitment(preamble, unwrapped, receipt, checks);
    if (key === null) checks.notPossible('key-proof', 'no private key given (--key)');
    unwrapped?.sessionKey.fill(0);
  } finally {
    await file.handle.close();
  }
}

async function inspect(file: SuitcaseFile, checks: Checks, o: VerifyOptions, hooks: VerifyHooks): Promise<Seen> {
  const seen = await inspectSuitcase(file.handle, file.consumed, file.preamble, { signal: o.signal, progress: (bytes) => hooks.progress({ bytes, totalBytes: file.bytes }) });
  if (seen.problem === null) checks.passed('suitcase-structure', `one OpenPGP message, ${file.preamble.encryption.packet}`);
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
    recipient === fingerprint || recipient === (fingerprint.length === 64 ? fingerprint.slice(0, 16) : fingerprint.slice(-16));
  const same = found.length === expected.length && expected.every((fingerprint, i) => names(fingerprint, found[i]!));
  if (same) checks.passed('recipients', expected.join(', '));
  else checks.failed('recipients', `the suitcase is for ${found.join(', ')}, but the receipt says ${expected.join(', ')}`);
}

async function unwrap(preamble: Preamble, key: SecretKey, checks: Checks): Promise<UnwrappedSessionKey | null> {
  return checks.attempt('key-proof', () => unwrapSessionKey(preamble.pkesk, key), ['verification-failed', 'not-addressed']);
}

/** The suitcase was opened with the key: is it the session key that the receipt was made with? */
function verifyCommitment({ pkesk }: Preamble, { sessionKey, keyFingerprint }: UnwrappedSessionKey, receipt: Receipt | null, checks: Checks): void {
  if (receipt === null) {
    checks.passed('key-proof', `key ${keyFingerprint} unwraps the session key of this suitcase`);
  } else if (commitmentOf(openingOf(sessionKey, pkesk, receipt.depositId)) === receipt.keyProof.commitment) {
    checks.passed('key-proof', `key ${keyFingerprint} opens deposit ${receipt.depositId}`);
  } else {
    checks.failed('key-proof', 'the session key in the suitcase is not the one that the receipt commits to');
  }
}

/** `--deep`: everything is decrypted, authenticated and compared. Null when the suitcase could not even be digested. */
async function verifyContents(o: VerifyOptions, path: string, file: SuitcaseFile, receipt: Receipt | null, { sessionKey, cipher }: UnwrappedSessionKey, checks: Checks, hooks: VerifyHooks): Promise<Seen | null> {
  const { handle, preamble, consumed } = file;
  const limit = o.maxSize ?? (receipt === null ? null : contentLimit(receipt.dataset));
  try {
    const opened = await openSuitcase(
      { fd: handle.fd, preamble, consumed, sessionKey, cipher, mode: { kind: 'check' }, maxBytes: limit, maxEntries: null },
      { signal: o.signal, warn: (message) => hooks.warn(message), progress: (bytes) => hooks.progress({ bytes, totalBytes: file.bytes }) },
    );
    checks.passed('suitcase-structure', `one OpenPGP message, ${preamble.encryption.packet}, authenticated to its last octet`);
    compareContents(opened.contents!, opened.plaintextOctets, receipt, checks);
    return opened;
  } catch (error) {
    if (!isDepotError(error) || (error.code !== 'verification-failed' && error.code !== 'archive-refused')) throw error;
    checks.failed('contents', error.message, error.code);
  }
  // What is wrong inside says nothing of size and digest, and those are wanted too.
  if (file.bytes === null) return null;
  const again = await openSuitcaseFile(path);
  try {
    return await inspect(again, checks, o, hooks);
  } finally {
    await again.handle.close();
  }
}

function compareContents(contents: ManifestResult, plaintextOctets: number, receipt: Receipt | null, checks: Checks): void {
  const { manifest, entries, bytes, manifestSha256, problems } = contents;
  const summary = `${entries} entries, ${bytes} octets`;
  if (manifest === 'none' && receipt !== null) {
    checks.failed('contents', `${summary}, without the manifest that the receipt names`);
    return;
  }
  if (manifest === 'none') {
    checks.missing('contents', `${summary}; there is no manifest to compare with: this archive was not made by depot`);
    return;
  }
  const wrong = [...problems];
  if (receipt !== null) {
    const { dataset, keyProof } = receipt;
    if (manifestSha256 !== dataset.manifestSha256) wrong.push('the manifest is not the one that the receipt names');
    if (entries !== dataset.entries || bytes !== dataset.bytes) wrong.push(`${summary}, but the receipt says ${dataset.entries} entries, ${dataset.bytes} octets`);
    if (plaintextOctets !== keyProof.plaintextOctets) wrong.push(`${plaintextOctets} octets of plaintext, but the receipt says ${keyProof.plaintextOctets}`);
  }
  if (wrong.length > 0) wrong.forEach((problem) => checks.failed('contents', problem));
  else checks.passed('contents', `${summary}; every entry is as the manifest says`);
}

function compareWithReceipt(seen: Seen, { pkesk }: Preamble, { suitcase, keyProof }: Receipt, checks: Checks): void {
  checks.equal('suitcase-size', seen.bytes, suitcase.bytes, `${seen.bytes} octets`);
  checks.equal('suitcase-sha256', seen.sha256, suitcase.sha256, seen.sha256);
  const same = (name: string, found: Uint8Array | null, expected: string | null, what: string): void => {
    const wanted = expected === null ? null : fromBase64(expected);
    if (found !== null && wanted !== null && Buffer.compare(found, wanted) === 0) checks.passed(name, `${what} as in the receipt`);
    else checks.failed(name, `${what} not as in the receipt`);
  };
  same('key-packets', pkesk, keyProof.pkesk, 'the session key packets are');
  same('head', seen.head, keyProof.head, 'the first octets of the encrypted data are');
  if (keyProof.tail !== null) same('tail', seen.tail, keyProof.tail, 'the last octets of the encrypted data are');
}

async function verifyKeyProof(receipt: Receipt | null, key: SecretKey | null, checks: Checks): Promise<void> {
  if (receipt === null) return;
  if (key === null) {
    checks.notPossible('key-proof', 'no private key given (--key)');
    return;
  }
  const proof = await checks.attempt('key-proof', () => proveKey(receipt, key), ['verification-failed', 'not-addressed']);
  if (proof === null) return;
  proof.sessionKey.fill(0);
  const scope = receipt.encryption.packet === 'SEIPDv1' ? 'its session key and its head' : 'its session key, its head and its final authentication tag';
  checks.passed('key-proof', `key ${proof.keyFingerprint} opens deposit ${receipt.depositId}: ${scope}`);
}

/** What the agent holds: only the agent can say, and it can hash a closed suitcase. */
function verifyAgentsWord({ agentSha256 }: VerifyOptions, receipt: Receipt | null, checks: Checks): void {
  if (agentSha256 === undefined) {
    checks.notPossible('agent-sha256', 'not checked: what the agent holds (ask it for the SHA-256, then --agent-sha256)');
  } else if (receipt === null) {
    checks.missing('agent-sha256', 'there is no receipt to compare the agent\'s digest with');
  } else {
    checks.equal('agent-sha256', agentSha256, receipt.suitcase.sha256, 'the agent holds the suitcase that the receipt names');
  }
}

