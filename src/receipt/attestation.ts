/** The attestation (`depot.attestation/1`; of an increment `/2`): a beneficiary's statement that its key opens a deposit. */
import * as v from 'valibot';
import { parseSigned, type SignedForm } from './parse.js';
import { depositId, fingerprint, problemIn, sha256, text, time } from './schema.js';

/** Deposits before an increment, more than a configuration allows. */
const MOST_EARLIER = 1000;
/** Larger than any that depot writes. */
export const maxAttestationBytes = 512 * 1024;
/** Without these there is nothing to attest. */
const neededChecks = ['receipt', 'receipt-signature', 'key-proof'] as const;

/** See `docs/format.md`: times `YYYY-MM-DDTHH:MM:SSZ`, digests lower-case hex, fingerprints upper-case hex. */
const fields = v.strictObject({
  schema: v.picklist(['depot.attestation/1', 'depot.attestation/2']),
  depositId,
  /** Of the receipt that was verified, byte for byte. */
  receiptSha256: sha256,
  /** As that receipt says it. */
  suitcaseSha256: sha256,
  /** What the agent said of the closed file; only where it was asked, and then the same as `suitcaseSha256`. */
  agentSha256: v.exactOptional(sha256),
  /** The key that opens the deposit, and the part that unwrapped the session key, as the receipt names them. */
  keyFingerprint: fingerprint,
  subkeyFingerprint: fingerprint,
  /** By the names that `verify` gives them. What failed is never attested. */
  checks: v.pipe(
    v.array(
      v.strictObject({
        name: text(/^[a-z][a-z0-9-]{0,40}$/, 'not the name of a check'),
        result: v.picklist(['passed', 'not possible']),
      }),
    ),
    v.maxLength(64, 'too many checks'),
    v.check(
      (checks) =>
        neededChecks.every((name) => checks.some((check) => check.name === name && check.result === 'passed')),
      `not all of ${neededChecks.join(', ')} passed`,
    ),
  ),
  /** HKDF of the session key (proof.ts), 32 bytes. */
  opening: sha256,
  /** Only in version 2: every deposit before it, the full one first, and the same proof that the key opens that. */
  chain: v.exactOptional(
    v.pipe(
      v.array(v.strictObject({ depositId, suitcaseSha256: sha256, opening: sha256 })),
      v.minLength(1, 'no deposits'),
      v.maxLength(MOST_EARLIER, 'too many deposits'),
    ),
  ),
  attestedAt: time,
});
const attestationSchema = v.pipe(
  fields,
  v.check(
    ({ schema, chain }) => (schema === 'depot.attestation/2') === (chain !== undefined),
    'chain belongs to schema depot.attestation/2, and to no other',
  ),
);

export type Attestation = v.InferOutput<typeof attestationSchema>;

/** The attestation as it is signed and filed: UTF-8 JSON, two-space indent, one newline at the end. */
export function attestationBytes(a: Attestation): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalText(a));
}

function canonicalText(a: Attestation): string {
  const ordered = {
    schema: a.schema,
    depositId: a.depositId,
    receiptSha256: a.receiptSha256,
    suitcaseSha256: a.suitcaseSha256,
    ...(a.agentSha256 === undefined ? {} : { agentSha256: a.agentSha256 }),
    keyFingerprint: a.keyFingerprint,
    subkeyFingerprint: a.subkeyFingerprint,
    checks: a.checks.map(({ name, result }) => ({ name, result })),
    opening: a.opening,
    ...(a.chain === undefined
      ? {}
      : {
          chain: a.chain.map(({ depositId, suitcaseSha256, opening }) => ({ depositId, suitcaseSha256, opening })),
        }),
    attestedAt: a.attestedAt,
  } satisfies Attestation;
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

const attestationForm: SignedForm<Attestation> = {
  a: 'an attestation',
  the: 'the attestation',
  maxBytes: maxAttestationBytes,
  hint: 'ask the beneficiary for the file that depot verify --attest wrote',
  problem: (json) => problemIn(attestationSchema, json, 'attestation'),
  canonicalText,
};

/** Reads an attestation from the bytes that were signed. As `parseSigned`. */
export function parseAttestation(bytes: Uint8Array, name = 'attestation'): Attestation {
  return parseSigned(bytes, name, attestationForm);
}
