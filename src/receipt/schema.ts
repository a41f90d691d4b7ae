/** The receipt and its schema: `depot.receipt/1`, or `/2` of a deposit that is part of a chain. New facts need a new version. */
import * as v from 'valibot';
import { printable } from '../printable.js';
import { fromBase64 } from '../base64.js';
import { arrangementPattern } from '../names/arrangement.js';
import { ledgerIdPattern, sha256Pattern } from '../names/digest.js';
import { fingerprintPattern } from '../names/fingerprint.js';
import { supplierPattern } from '../names/supplier.js';
import { coverName, parseDepositId, parseTimestamp, partialName, suitcaseName } from '../names/deposit.js';

const maxRecipients = 256;
export const mostIncrements = 366;

/** Fields that attestations have, too. */
export const text = (pattern: RegExp, what: string) => v.pipe(v.string(), v.regex(pattern, what));
const count = v.pipe(v.number('not a number'), v.safeInteger('not an integer'), v.minValue(0, 'negative'));
export const sha256 = text(sha256Pattern, 'not 64 lower-case hex digits');
export const fingerprint = text(fingerprintPattern, 'not a fingerprint in upper-case hex');
export const time = v.pipe(
  v.string(),
  v.check((s) => parseTimestamp(s) !== null, 'not a time like 2026-11-22T00:30:00Z'),
);
export const depositId = v.pipe(
  v.string(),
  v.check((s) => parseDepositId(s) !== null, 'not a deposit id'),
);
const bytes = (length?: number) =>
  v.pipe(
    v.string(),
    v.check(
      (s) => {
        const decoded = fromBase64(s);
        return decoded !== null && decoded.length > 0 && (length === undefined || decoded.length === length);
      },
      `not ${length === undefined ? 'bytes' : `${String(length)} bytes`} in base64`,
    ),
  );
/** Kind → number. `v.record` would pass over `__proto__`, `prototype` and `constructor`, whatever they hold. */
const kinds = v.custom<Record<string, number>>((value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const all = Object.entries(value);
  return all.length <= 32 && all.every(([kind, n]) => /^[a-z][a-z-]{0,40}$/.test(kind) && v.is(count, n));
}, 'not kinds of entries with the number of each');
const word = text(/^[\x21-\x7e](?:[\x20-\x7e]{0,98}[\x21-\x7e])?$/, 'not a short line of ASCII');
const personName = text(supplierPattern, 'not a name of 1 to 200 characters on one line');

/** See `docs/format.md`. Times are `YYYY-MM-DDTHH:MM:SSZ`, sizes bytes, digests lower-case hex, raw bytes base64. */
const receiptSchema = v.strictObject({
  schema: v.picklist(['depot.receipt/1', 'depot.receipt/2']),
  depositId,
  arrangement: text(arrangementPattern, 'not the name of an arrangement'),
  supplier: v.strictObject({ name: personName, signerFingerprint: fingerprint }),
  startedAt: time,
  completedAt: time,
  suitcase: v.strictObject({ name: v.string(), bytes: count, sha256 }),
  encryption: v.strictObject({
    packet: v.picklist(['SEIPDv2', 'SEIPDv1']),
    cipher: v.picklist(['AES-256', 'AES-256-CFB']),
    /** null with SEIPDv1, whose integrity is the MDC. */
    aead: v.nullable(v.picklist(['GCM', 'OCB'])),
    compression: v.picklist(['none', 'gzip', 'zstd']),
    recipients: v.pipe(
      v.array(
        // A primary key and its encryption subkey that was used (the primary's own when that encrypts).
        v.strictObject({ fingerprint, subkeyFingerprint: fingerprint, algorithm: word, expiresAt: v.nullable(time) }),
      ),
      v.minLength(1, 'no recipient'),
      v.maxLength(maxRecipients, 'too many recipients'),
    ),
  }),
  keyProof: v.strictObject({
    /** The suitcase's PKESK packets, byte for byte. */
    pkesk: bytes(),
    /** First 36 (SEIPDv2) or 64 (SEIPDv1) bytes of the SEIPD body. */
    head: v.string(),
    /** The suitcase's last 16 bytes, the final AEAD tag; null with SEIPDv1. */
    tail: v.nullable(bytes(16)),
    plaintextOctets: count,
    commitment: sha256,
  }),
  dataset: v.strictObject({
    entries: count,
    bytes: count,
    skipped: kinds,
    complete: v.boolean(),
    manifestSha256: sha256,
  }),
  /** With `depot.receipt/2` only: the whole night, of which this suitcase may hold a part. */
  chain: v.exactOptional(
    v.strictObject({
      fullDepositId: depositId,
      /** 0 for a full deposit, 1, 2, … for the increments that follow. */
      number: v.pipe(count, v.maxValue(mostIncrements, 'too many increments')),
      previousDepositId: v.nullable(depositId),
      previousSuitcaseSha256: v.nullable(sha256),
      datasetSha256: sha256,
      entries: count,
      bytes: count,
      complete: v.boolean(),
      /** When the last deposit of the chain began in which every file was read. */
      lastReadInFull: time,
    }),
  ),
  /** Present when the sealed bytes were opened again and compared while they streamed; `increment`: only what is in this suitcase. */
  rehearsed: v.exactOptional(v.union([v.literal(true), v.literal('increment')])),
  cover: v.strictObject({ name: v.string(), bytes: count, sha256 }),
  transfer: v.strictObject({
    remoteName: v.string(),
    status: v.picklist(['acknowledged', 'unconfirmed']),
    remoteSize: v.picklist(['matched', 'unreadable']),
    durability: v.picklist(['fsynced', 'size-checked', 'acknowledged-only']),
  }),
  client: v.strictObject({ version: word, runtime: word, platform: word }),
  /** Where the receipt stands in its ledger; fixed before the ledger has the line. */
  ledger: v.strictObject({
    id: text(ledgerIdPattern, 'not a ledger id'),
    sequence: v.pipe(count, v.minValue(1, 'not a line number')),
    /** Of the receipt before it in the same ledger; null for the first. */
    previousReceiptSha256: v.nullable(sha256),
  }),
});

export type Receipt = v.InferOutput<typeof receiptSchema>;

/** Everything but what the server's last answers and the ledger decide: on disk before the CLOSE. */
export type ReceiptDraft = Omit<Receipt, 'completedAt' | 'transfer' | 'ledger'>;

/** The first thing that keeps `value` from being a receipt, with its place; null when it is one. */
export function receiptProblem(value: unknown): string | null {
  return problemIn(receiptSchema, value, 'receipt') ?? contradiction(value as Receipt);
}

/** The first thing in `value` that the schema does not allow, with its place; null when all is well. */
export function problemIn(schema: v.GenericSchema, value: unknown, whole: string): string | null {
  const { issues } = v.safeParse(schema, value, { abortEarly: true });
  if (issues === undefined) return null;
  return printable(`${v.getDotPath(issues[0]) ?? whole}: ${issues[0].message}`.slice(0, 200));
}

/** What no field says alone: fields that do not fit each other. */
function contradiction(r: Receipt): string | null {
  const { packet, cipher, aead, compression } = r.encryption;
  const modern = packet === 'SEIPDv2';
  const id = parseDepositId(r.depositId);
  const { chain } = r;
  const wants: [boolean, string][] = [
    [(r.schema === 'depot.receipt/2') === (chain !== undefined), 'chain: must be in depot.receipt/2, and only there'],
    [
      chain === undefined ||
        [
          chain.fullDepositId === r.depositId,
          chain.previousDepositId === null,
          chain.previousSuitcaseSha256 === null,
        ].every((isFull) => isFull === (chain.number === 0)),
      'chain: begins with a full deposit, number 0, and nothing before it',
    ],
    [id?.arrangement === r.arrangement, 'depositId: of another arrangement'],
    [
      r.rehearsed === undefined || (r.rehearsed === 'increment') === (chain?.number ?? 0) > 0,
      'rehearsed: must be "increment" for an increment, and only there',
    ],
    [r.startedAt <= r.completedAt, 'completedAt: before startedAt'],
    [r.suitcase.name === suitcaseName(r.depositId, compression), 'suitcase.name: not that of this deposit'],
    [r.cover.name === coverName(r.depositId), 'cover.name: not that of this deposit'],
    [
      r.transfer.remoteName === r.suitcase.name || r.transfer.remoteName === partialName(r.depositId),
      'transfer.remoteName: not that of this deposit',
    ],
    [cipher === (modern ? 'AES-256' : 'AES-256-CFB'), `encryption.cipher: not that of ${packet}`],
    [(aead !== null) === modern, `encryption.aead: not that of ${packet}`],
    [(r.keyProof.tail !== null) === modern, `keyProof.tail: not that of ${packet}`],
    [
      fromBase64(r.keyProof.head)?.length === (modern ? 36 : 64),
      `keyProof.head: not ${modern ? '36' : '64'} bytes in base64`,
    ],
    [
      (r.ledger.sequence === 1) === (r.ledger.previousReceiptSha256 === null),
      'ledger.previousReceiptSha256: must be null in line 1 and only there',
    ],
  ];
  return wants.find(([holds]) => !holds)?.[1] ?? null;
}
