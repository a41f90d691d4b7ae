import { lstat } from 'node:fs/promises';
import { succeeds } from '../abort.js';
import { DepotError, isDepotError } from '../errors.js';
import { signWithGpg } from '../pgp/gpg.js';
import type { SecretKey } from '../pgp/certificate.js';
import { signDetached } from '../pgp/signature.js';
import { sha256Hex } from '../primitives.js';
import { printable } from '../printable.js';
import { attestationBytes, type Attestation } from '../receipt/attestation.js';
import { errorCode, localError, writeNew } from '../durable-file.js';
import { timestamp } from '../names/deposit.js';
import { toBase16 } from '../receipt/proof.js';
import { readPrivateKey } from './named-files.js';
import type { Evidence, Verified } from './verify.js';

export interface AttestOptions {
  /** Where the attestation goes; its signature beside it with `.asc`. Neither may exist. */
  out: string;
  /** Path of another private key of the beneficiary, for an arrangement key that cannot sign. */
  signWith?: string | undefined;
  /** The environment for gpg, where the key is there. */
  gpg?: NodeJS.ProcessEnv | undefined;
  agentSha256?: string | undefined;
  /** Of `signWith`. */
  passphrase: () => Promise<string | undefined>;
  signal: AbortSignal;
}

export interface WrittenAttestation {
  path: string;
  signaturePath: string;
  signedBy: string;
  attestation: Attestation;
}

/** Throws 'output-exists': to be known before a long verification, not after it. */
export async function refuseExisting(out: string): Promise<void> {
  for (const file of [out, `${out}.asc`]) if (await succeeds(lstat(file))) throw exists(file);
}

/**
 * Writes what a verification found as an attestation, signed by the arrangement key itself where that can sign.
 * @throws DepotError 'incomplete' where the key was not proven by a verified receipt, 'signer-unusable', …
 */
export async function writeAttestation(verified: Verified, o: AttestOptions): Promise<WrittenAttestation> {
  const { evidence } = verified;
  if (evidence === null || !verified.ok)
    throw new DepotError('incomplete', 'nothing was attested: the key was not proven against a verified receipt');
  const attestation = attestationOf(verified, evidence, o);
  const bytes = attestationBytes(attestation);
  const { signature, signedBy } = await sign(bytes, attestation, evidence.secret, o);
  const signaturePath = `${o.out}.asc`;
  await write(signaturePath, signature);
  await write(o.out, bytes);
  return { path: o.out, signaturePath, signedBy, attestation };
}

function attestationOf(
  { checks }: Verified,
  { given, keyFingerprint, opening, earlier }: Evidence,
  o: AttestOptions,
): Attestation {
  const { receipt, bytes } = given;
  const recipient = receipt.encryption.recipients.find(({ subkeyFingerprint }) => subkeyFingerprint === keyFingerprint);
  if (recipient === undefined)
    throw new DepotError(
      'verification-failed',
      `nothing was attested: the receipt does not name key ${keyFingerprint}, which opens the deposit`,
    );
  if (earlier.length !== (receipt.chain?.number ?? 0))
    throw new DepotError('incomplete', 'nothing was attested: the key was not proven for every deposit of the chain');
  const chain = earlier.map((one) => ({ ...one, opening: toBase16(one.opening) }));
  return {
    schema: chain.length === 0 ? 'depot.attestation/1' : 'depot.attestation/2',
    depositId: receipt.depositId,
    receiptSha256: sha256Hex(bytes),
    suitcaseSha256: receipt.suitcase.sha256,
    ...(o.agentSha256 === undefined ? {} : { agentSha256: o.agentSha256 }),
    keyFingerprint: recipient.fingerprint,
    subkeyFingerprint: recipient.subkeyFingerprint,
    checks: checks.flatMap(({ name, result }) => (result === 'failed' ? [] : [{ name, result }])),
    opening: toBase16(opening),
    ...(chain.length > 0 && { chain }),
    attestedAt: timestamp(new Date()),
  };
}

async function sign(
  bytes: Uint8Array,
  { keyFingerprint }: Attestation,
  secret: SecretKey | null,
  o: AttestOptions,
): Promise<{ signature: string; signedBy: string }> {
  if (o.signWith !== undefined) {
    const key = await readPrivateKey(o.signWith, o.passphrase);
    return { signature: await signDetached(bytes, key), signedBy: key.fingerprint };
  }
  if (secret === null) {
    const signature = await signWithGpg(bytes, keyFingerprint, { env: o.gpg ?? {}, signal: o.signal });
    return { signature, signedBy: keyFingerprint };
  }
  try {
    return { signature: await signDetached(bytes, secret), signedBy: secret.fingerprint };
  } catch (error) {
    if (isDepotError(error, 'signer-unusable'))
      error.hint = 'sign with another key of yours, whose fingerprint the supplier knows: --sign-with FILE';
    throw error;
  }
}

async function write(file: string, contents: Uint8Array | string): Promise<void> {
  await writeNew(file, contents).catch((error: unknown) => {
    throw errorCode(error) === 'EEXIST' ? exists(file) : localError(error, 'write', file);
  });
}

function exists(file: string): DepotError {
  return new DepotError('output-exists', `${printable(file)} already exists, and depot never overwrites it`, {
    hint: 'name another file with --attest',
  });
}
