import type { Config } from '../config/types.js';
import { DepotError, isDepotError } from '../errors.js';
import type { Certificate } from '../pgp/certificate.js';
import { readCertificate } from '../pgp/keys.js';
import { verifyDetached, type VerifiedSignature } from '../pgp/signature.js';
import { maxAttestationBytes, parseAttestation, type Attestation } from '../receipt/attestation.js';
import { fileAttestation, filedAttestations, type FiledAttestation } from '../state/attested.js';
import { parseDepositId, timestamp } from '../names/deposit.js';
import { lockArrangement } from '../state/lock.js';
import { ageOf, clockSkewMs } from '../clock.js';
import { sha256Hex } from '../primitives.js';
import { commitmentOf, fromBase16 } from '../receipt/proof.js';
import { followChain } from '../receipt/chain.js';
import { parseReceipt } from '../receipt/parse.js';
import type { Receipt } from '../receipt/schema.js';
import { ArrangementState, type StoredReceipt } from '../state/arrangement-state.js';
import { readGiven } from '../reader/named-files.js';
import { suppliersSecretKey } from './kit.js';

export interface ImportOptions {
  config: Config;
  stateDirectory: string;
  /** Path of the attestation. */
  file: string;
  /** The attestation's name with `.asc` when left out. */
  signature?: string;
  /** Paths of public keys beside those of the configuration. */
  signers: string[];
  /** Fingerprint of a key other than the arrangement's that may have signed, as its owner read it out. */
  fingerprint?: string;
  now: Date;
}

export interface Imported {
  filed: FiledAttestation;
  /** The very same file is on record since an earlier import. */
  already: boolean;
  warnings: string[];
}

/**
 * Checks an attestation against our own receipt, and files it. @throws DepotError 'verification-failed', 'usage'
 *
 *     form | our receipt, byte for byte | SHA-256(opening) = commitment | a key that the receipt names
 *     | signature by that key, or by one whose fingerprint was given | newer than what is on file
 */
export async function importAttestation(o: ImportOptions): Promise<Imported> {
  const bytes = await readGiven(o.file, 'the attestation', maxAttestationBytes);
  const attestation = parseAttestation(bytes, o.file);
  const { depositId } = attestation;
  const name = parseDepositId(depositId)!.arrangement;
  const state = new ArrangementState(o.stateDirectory, name);
  const { receipt } = await receiptFor(state, attestation);
  checkAgainst(receipt, attestation);
  await checkChain(state, receipt, attestation);

  const signature = await readGiven(o.signature ?? `${o.file}.asc`, 'the signature', maxAttestationBytes);
  const beneficiaries = o.config.arrangements.get(name)?.beneficiaries ?? [];
  const known = await readKeys([...beneficiaries.map(({ key }) => key), ...o.signers]);
  const signed = await verifySignature(bytes, signature, attestation, known, o);
  checkTimes(attestation, receipt, signed, o.now);
  const owner = beneficiaries.find(({ fingerprint }) => fingerprint === attestation.keyFingerprint);
  const { selfAttested, warnings } = await isSelfAttested(o.config, receipt, signed.fingerprint, known);
  warnings.unshift(...signed.warnings);

  await state.requireOwn();
  const lock = await lockArrangement(state.directory);
  try {
    const onFile = await filedAttestations(state, depositId);
    const sha256 = sha256Hex(bytes);
    const same = onFile.find((one) => one.sha256 === sha256);
    if (same !== undefined) return { filed: same, already: true, warnings };
    refuseReplay(attestation, onFile);
    const filed = await fileAttestation(state, {
      depositId,
      bytes,
      signature,
      filing: {
        filedAt: timestamp(o.now),
        signedBy: signed.fingerprint,
        signedAt: timestamp(signed.signedAt),
        beneficiary: owner?.name ?? null,
        selfAttested,
      },
    });
    return { filed, already: false, warnings };
  } finally {
    await lock.release();
  }
}

async function receiptFor(
  state: ArrangementState,
  { depositId, receiptSha256 }: Attestation,
): Promise<StoredReceipt & { receipt: Receipt }> {
  const receipts = await state.receiptsOf(depositId);
  const [counts] = receipts;
  if (counts === undefined)
    throw new DepotError('usage', `it is about ${depositId}, but there is no receipt of it in ${state.directory}`, {
      hint: 'check whether it was meant for another supplier, or for another state directory (--state)',
    });
  const attested = receipts.find(({ sha256 }) => sha256 === receiptSha256);
  if (attested === undefined)
    throw refused(
      `it was made with a different receipt of ${depositId} from ours (SHA-256 ${receiptSha256})`,
      'send the beneficiary our receipt, and ask for an attestation of that one',
    );
  if (attested.superseded !== null)
    throw refused(
      `the receipt of ${depositId} that it was made with has been superseded since`,
      'send the beneficiary the newer receipt, and ask for an attestation of that one',
    );
  return { ...attested, receipt: parseReceipt(attested.bytes, attested.path) };
}

function checkAgainst({ suitcase, keyProof, encryption }: Receipt, a: Attestation): void {
  if (a.suitcaseSha256 !== suitcase.sha256)
    throw refused(`it names a suitcase with SHA-256 ${a.suitcaseSha256}, but the receipt says ${suitcase.sha256}`);
  if (a.agentSha256 !== undefined && a.agentSha256 !== suitcase.sha256)
    throw refused(
      `the agent holds a file with SHA-256 ${a.agentSha256}, but the receipt says ${suitcase.sha256}`,
      'ask the agent what it holds',
    );
  if (commitmentOf(fromBase16(a.opening)) !== keyProof.commitment)
    throw refused(
      'the proof in it does not fit the deposit: it was made without opening the key proof of this receipt',
    );
  const known = encryption.recipients.some(
    (one) => one.fingerprint === a.keyFingerprint && one.subkeyFingerprint === a.subkeyFingerprint,
  );
  if (!known) throw refused(`the deposit was not sealed for key ${a.keyFingerprint}`);
}

/** Of an increment: the key opens every deposit before it, too. */
async function checkChain(state: ArrangementState, receipt: Receipt, { chain = [] }: Attestation): Promise<void> {
  const { receipts, missing } = await followChain(receipt, async (depositId) => {
    const [counts] = await state.receiptsOf(depositId);
    return counts === undefined ? null : parseReceipt(counts.bytes, counts.path);
  });
  if (missing !== null)
    throw new DepotError(
      'usage',
      `the deposit builds on ${missing.depositId}, but there is no receipt of it in ${state.directory}`,
      {
        hint: 'check whether it was meant for another state directory (--state)',
      },
    );
  const earlier = receipts.slice(0, -1);
  if (chain.length !== earlier.length)
    throw refused(`it lists ${chain.length} earlier deposits, but the deposit is built on ${earlier.length}`);
  for (const [i, { depositId, suitcase, keyProof }] of earlier.entries()) {
    const said = chain[i]!;
    if (said.depositId !== depositId || said.suitcaseSha256 !== suitcase.sha256)
      throw refused(`it names ${said.depositId} but the deposit builds on ${depositId}, or on another suitcase of it`);
    if (commitmentOf(fromBase16(said.opening)) !== keyProof.commitment)
      throw refused(`the proof of ${depositId} in it does not fit that deposit: the key was not proven for it`);
  }
}

/** A key of the configuration, or given with the command. */
interface KeyInFile {
  file: string;
  certificate: Certificate;
}

async function readKeys(files: string[]): Promise<KeyInFile[]> {
  const keys: KeyInFile[] = [];
  for (const file of files) keys.push({ file, certificate: await readCertificate(await readGiven(file, 'the key')) });
  return keys;
}

/** By the key that it is about, which the receipt pins; or by one whose fingerprint was compared another way. */
async function verifySignature(
  bytes: Uint8Array,
  signature: Uint8Array,
  a: Attestation,
  known: KeyInFile[],
  o: ImportOptions,
): Promise<VerifiedSignature> {
  const allowed = [a.keyFingerprint, ...(o.fingerprint === undefined ? [] : [o.fingerprint])];
  const signers = known
    .map(({ certificate }) => certificate)
    .filter(({ fingerprint }) => allowed.includes(fingerprint));
  if (signers.length === 0) {
    throw refused(
      `the public key ${allowed.join(' or ')} is not in the configuration, and was not given`,
      'give the public key that signed it with --signer FILE, and --fingerprint F if it is not the key of the arrangement',
    );
  }
  try {
    return await verifyDetached(bytes, signature, signers, o.now);
  } catch (error) {
    if (error instanceof DepotError && error.hint?.includes('--signer') === true) {
      error.hint =
        'if the beneficiary signed with another key: --signer FILE --fingerprint F, as the beneficiary reads it out';
    }
    throw error;
  }
}

function checkTimes(
  { attestedAt }: Attestation,
  { completedAt }: Receipt,
  { signedAt }: VerifiedSignature,
  now: Date,
): void {
  const at = Date.parse(attestedAt);
  if (at > now.getTime() + clockSkewMs)
    throw refused(`it says that it was made in the future, at ${attestedAt}`, 'check the clocks of both machines');
  // A deposit that is dated in the future says nothing of the order of the two: our clock was wrong when it was made.
  if (ageOf(completedAt, now) !== null && at < Date.parse(completedAt) - clockSkewMs)
    throw refused(
      `it says that it was made at ${attestedAt}, before the deposit was complete (${completedAt})`,
      'check the clocks of both machines',
    );
  if (Math.abs(signedAt.getTime() - at) > clockSkewMs)
    throw refused(
      `it says that it was made at ${attestedAt}, but was signed at ${timestamp(signedAt)}`,
      'ask the beneficiary to make it again',
    );
}

/** The supplier has, or had, the key that signed: it could have made the attestation itself. */
async function isSelfAttested(
  config: Config,
  receipt: Receipt,
  signedBy: string,
  known: KeyInFile[],
): Promise<{ selfAttested: boolean; warnings: string[] }> {
  const yes = { selfAttested: true, warnings: [] };
  if (receipt.supplier.signerFingerprint === signedBy) return yes;
  const everyone = [...config.arrangements.values()].flatMap(({ beneficiaries }) => beneficiaries);
  if (everyone.some(({ fingerprint, keyMadeBy }) => fingerprint === signedBy && keyMadeBy === 'supplier')) return yes;
  for (const { file, certificate } of known) {
    if (
      certificate.fingerprint === signedBy &&
      (certificate.isSecret || (await suppliersSecretKey({ key: file })) !== null)
    )
      return yes;
  }
  try {
    const own = await readCertificate(await readGiven(config.supplier.signingKey, 'the signing key'));
    return { selfAttested: own.fingerprint === signedBy, warnings: [] };
  } catch (error) {
    if (!isDepotError(error)) throw error;
    return {
      selfAttested: false,
      warnings: [`whether your own signing key made this attestation was not checked: ${error.message}`],
    };
  }
}

/** One of the same time, or an older one of the same key, only looks as if somebody had checked today. */
function refuseReplay({ keyFingerprint, attestedAt }: Attestation, onFile: FiledAttestation[]): void {
  const newer = onFile.find(
    ({ attestation }) => attestation.keyFingerprint === keyFingerprint && attestation.attestedAt >= attestedAt,
  );
  if (newer === undefined) return;
  throw refused(
    `an attestation with the same key for the same deposit, made at ${newer.attestation.attestedAt}, was filed at ${newer.filing.filedAt}: this one, made at ${attestedAt}, is a repeat`,
    'ask the beneficiary for a new attestation, of the newest deposit',
  );
}

function refused(why: string, hint?: string): DepotError {
  return new DepotError('verification-failed', `attestation refused: ${why}`, { hint });
}
