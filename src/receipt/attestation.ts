/**
 * The attestation (`depot.attestation/1`): a beneficiary's statement that its key opens a deposit, with the opening of the
 * key proof, which only who unwrapped the session key can show. As with receipts, one attestation has exactly one sequence
 * of bytes, and a detached signature over them.
 */
import { sha256Pattern } from '../names/digest.js';
import { fingerprintPattern } from '../names/fingerprint.js';
import * as v from 'valibot';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { conversionOf, unconverted } from '../text-file.js';
import { parseDepositId, parseTimestamp } from '../names/deposit.js';

/** What was checked, by the name that `verify` gives it. What failed is never attested. */
export interface AttestedCheck {
  name: string;
  result: 'passed' | 'not possible';
}

/** See `docs/format.md`. Times are `YYYY-MM-DDTHH:MM:SSZ`, digests and the opening lower-case hex, fingerprints upper-case hex. */
export interface Attestation {
  schema: 'depot.attestation/1';
  depositId: string;
  /** Of the receipt that was verified, octet for octet. */
  receiptSha256: string;
  /** As that receipt says it. */
  suitcaseSha256: string;
  /** What the agent said of the closed file; only where it was asked, and then the same as `suitcaseSha256`. */
  agentSha256?: string;
  /** The key that opens the deposit: primary key and the part that unwrapped the session key, as the receipt names them. */
  keyFingerprint: string;
  subkeyFingerprint: string;
  checks: AttestedCheck[];
  /** HKDF of the session key (proof.ts), 32 octets. */
  opening: string;
  attestedAt: string;
}

/** Larger than any that depot writes. */
export const maxAttestationBytes = 64 * 1024;
/** Without these there is nothing to attest. */
const neededChecks = ['receipt', 'receipt-signature', 'key-proof'] as const;

const text = (pattern: RegExp, what: string) => v.pipe(v.string(), v.regex(pattern, what));
const hex32 = text(sha256Pattern, 'not 64 lower-case hex digits');
const fingerprint = text(fingerprintPattern, 'not a fingerprint in upper-case hex');

const attestationSchema = v.strictObject({
  schema: v.literal('depot.attestation/1'),
  depositId: v.pipe(
    v.string(),
    v.check((s) => parseDepositId(s) !== null, 'not a deposit id'),
  ),
  receiptSha256: hex32,
  suitcaseSha256: hex32,
  agentSha256: v.exactOptional(hex32),
  keyFingerprint: fingerprint,
  subkeyFingerprint: fingerprint,
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
  opening: hex32,
  attestedAt: v.pipe(
    v.string(),
    v.check((s) => parseTimestamp(s) !== null, 'not a time like 2026-11-22T00:30:00Z'),
  ),
});

/** The attestation as it is signed and filed: UTF-8 JSON, two-space indent, the key order of the type, one newline at the end. */
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
    attestedAt: a.attestedAt,
  } satisfies Attestation;
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

/** Reads an attestation from the bytes that were signed. Throws `verification-failed` with the first thing that is wrong. */
export function parseAttestation(bytes: Uint8Array, name = 'attestation'): Attestation {
  const fail = (why: string, cause?: unknown): never => {
    const conversion = bytes.length > maxAttestationBytes ? null : conversionOf(bytes);
    if (conversion !== null)
      throw new DepotError(
        'verification-failed',
        `${printable(name)} is not the attestation as it was signed: ${conversion}`,
        { hint: unconverted, cause },
      );
    throw new DepotError('verification-failed', `${printable(name)} is not an attestation: ${why}`, {
      hint: 'ask the beneficiary for the file that depot verify --attest wrote',
      cause,
    });
  };
  if (bytes.length > maxAttestationBytes) fail(`${bytes.length} bytes, more than ${maxAttestationBytes}`);
  let source = '';
  let json: unknown;
  try {
    source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(source);
  } catch (cause) {
    fail('not JSON in UTF-8', cause);
  }
  const result = v.safeParse(attestationSchema, json, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    return fail(printable(`${v.getDotPath(issue) ?? 'attestation'}: ${issue.message}`.slice(0, 200)));
  }
  const attestation = json as Attestation;
  if (canonicalText(attestation) !== source) fail('not in canonical form (key order, white space or doubled keys)');
  return attestation;
}
