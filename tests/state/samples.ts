import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { coverBytes } from '../../src/receipt/cover.js';
import { Ledger } from '../../src/state/ledger.js';
import { coverName, newDepositId, suitcaseName, type Compression } from '../../src/names/deposit.js';
import { recordReceipt, type RecordedReceipt } from '../../src/state/record.js';
import type { Receipt, ReceiptDraft } from '../../src/receipt/schema.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';

export const signer = 'A'.repeat(40);
export const acknowledged: Receipt['transfer'] = {
  remoteName: '',
  status: 'acknowledged',
  remoteSize: 'matched',
  durability: 'fsynced',
};

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A draft of a modern deposit; `changes` replaces what a test is about. */
export function draftOf(
  depositId = newDepositId('acme-crm', new Date('2026-11-22T00:30:00Z')),
  changes: Partial<ReceiptDraft> = {},
): ReceiptDraft {
  const compression: Compression = changes.encryption?.compression ?? 'zstd';
  return {
    schema: 'depot.receipt/1',
    depositId,
    arrangement: depositId.split('_')[0],
    supplier: { name: 'Acme SaaS B.V.', signerFingerprint: signer },
    startedAt: '2026-11-22T00:30:00Z',
    suitcase: { name: suitcaseName(depositId, compression), bytes: 5_476_083_302, sha256: '9f'.repeat(32) },
    encryption: {
      packet: 'SEIPDv2',
      cipher: 'AES-256',
      aead: 'OCB',
      compression,
      recipients: [
        {
          fingerprint: '8F3A'.repeat(10),
          subkeyFingerprint: '91C2'.repeat(10),
          algorithm: 'Curve25519',
          expiresAt: null,
        },
      ],
    },
    keyProof: {
      pkesk: Buffer.alloc(94, 1).toString('base64'),
      head: Buffer.alloc(36, 2).toString('base64'),
      tail: Buffer.alloc(16, 3).toString('base64'),
      plaintextOctets: 5_476_000_000,
      commitment: 'ab'.repeat(32),
    },
    dataset: {
      entries: 4813,
      bytes: 19_756_849_561,
      skipped: { socket: 1 },
      complete: true,
      manifestSha256: 'cd'.repeat(32),
    },
    cover: { name: coverName(depositId), bytes: 4096, sha256: 'ef'.repeat(32) },
    client: { version: '0.1.0', runtime: 'node v20.20.2', platform: 'linux x64' },
    ...changes,
  };
}

export function receiptOf(changes: Partial<Receipt> = {}): Receipt {
  const draft = draftOf(changes.depositId, changes);
  return {
    ...draft,
    completedAt: '2026-11-22T00:36:13Z',
    transfer: { ...acknowledged, remoteName: draft.suitcase.name },
    ledger: { id: '0123456789abcdef'.repeat(2), sequence: 2, previousReceiptSha256: '12'.repeat(32) },
    ...changes,
  };
}

/** A compat receipt, whose proof has another shape. */
export function compatReceipt(): Receipt {
  const sample = receiptOf();
  return {
    ...sample,
    encryption: { ...sample.encryption, packet: 'SEIPDv1', cipher: 'AES-256-CFB', aead: null },
    keyProof: { ...sample.keyProof, head: Buffer.alloc(64, 2).toString('base64'), tail: null },
  };
}

/** Stands in for a signature: holds the digest of the bytes that it was made for. */
export function fakeSignature(bytes: Uint8Array): string {
  return `-----BEGIN PGP SIGNATURE-----\n\n${sha256(bytes)}\n-----END PGP SIGNATURE-----\n`;
}

export async function fakeCheck(bytes: Uint8Array, signature: string): Promise<string | null> {
  return signature === fakeSignature(bytes) ? null : 'the signature is bad';
}

/** One complete deposit in the state directory, as a push leaves it. */
export async function deposit(
  state: ArrangementState,
  ledger: Ledger,
  o: { at: string; id?: string; status?: Receipt['transfer']['status'] },
): Promise<RecordedReceipt> {
  const draft = draftOf(o.id ?? newDepositId(state.arrangement, new Date(o.at)), { startedAt: o.at });
  return recordReceipt({
    state,
    ledger,
    draft,
    completedAt: o.at,
    cover: coverBytes(draft),
    sign: async (bytes) => fakeSignature(bytes),
    transfer: { ...acknowledged, remoteName: draft.suitcase.name, status: o.status ?? 'acknowledged' },
  });
}

/** Leaves what a push leaves until receipt and ledger line are written: a file in `pending/` with the deposit's name. */
export async function markPending(state: ArrangementState, depositId: string): Promise<void> {
  await writeFile(state.file(`pending/${depositId}.json`), '{}');
}

/** A state directory with `count` deposits, one a day. */
export async function ledgerOf(
  directory: string,
  count: number,
): Promise<{ state: ArrangementState; ledger: Ledger; receipts: RecordedReceipt[] }> {
  const state = await ArrangementState.open(directory, 'acme-crm');
  const ledger = await Ledger.open(state);
  const receipts: RecordedReceipt[] = [];
  for (let day = 1; day <= count; day++)
    receipts.push(await deposit(state, ledger, { at: `2026-11-${String(day).padStart(2, '0')}T00:30:00Z` }));
  return { state, ledger, receipts };
}

const hex = (length: number, upper = false) =>
  fc.uint8Array({ minLength: length / 2, maxLength: length / 2 }).map((bytes) => {
    const text = Buffer.from(bytes).toString('hex');
    return upper ? text.toUpperCase() : text;
  });
const time = fc
  .date({ min: new Date('2020-01-01T00:00:00Z'), max: new Date('2099-12-31T23:59:59Z'), noInvalidDate: true })
  .map((d) => `${d.toISOString().slice(0, 19)}Z`);
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((o) => Buffer.from(o).toString('base64'));

function chainAt(
  number: number,
  depositId: string,
  a: { digest: string; numbers: number[]; times: string[]; rehearsed: boolean },
): NonNullable<Receipt['chain']> {
  const [, , entries = 0, bytes = 0] = a.numbers;
  const other = newDepositId('acme-crm', new Date(a.times[0]));
  return {
    fullDepositId: number === 0 ? depositId : other,
    number,
    previousDepositId: number === 0 ? null : other,
    previousSuitcaseSha256: number === 0 ? null : a.digest,
    datasetSha256: a.digest,
    entries,
    bytes,
    complete: a.rehearsed,
    lastReadInFull: a.times[0],
  };
}

/** Any receipt that the schema allows, in the main dimensions. */
export const anyReceipt: fc.Arbitrary<Receipt> = fc
  .record({
    modern: fc.boolean(),
    compression: fc.constantFrom<Compression>('none', 'gzip', 'zstd'),
    arrangement: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,40}$/),
    times: fc.tuple(time, time).map((pair) => pair.sort()),
    supplier: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter((s) => s.length <= 200 && /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u.test(s)),
    fingerprints: fc.array(fc.oneof(hex(40, true), hex(64, true)), { minLength: 1, maxLength: 4 }),
    pkesk: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((o) => Buffer.from(o).toString('base64')),
    heads: fc.tuple(bytes(36), bytes(64), bytes(16)),
    numbers: fc.tuple(fc.maxSafeNat(), fc.maxSafeNat(), fc.maxSafeNat(), fc.maxSafeNat()),
    skipped: fc.dictionary(fc.constantFrom('socket', 'fifo', 'character-device', 'block-device'), fc.nat()),
    digest: hex(64),
    expiresAt: fc.option(time),
    rehearsed: fc.boolean(),
    /** Null: not in a chain; 0: a full deposit. */
    night: fc.option(fc.nat({ max: 200 })),
    status: fc.constantFrom('acknowledged' as const, 'unconfirmed' as const),
    sequence: fc.integer({ min: 1, max: 1_000_000 }),
  })
  .map((a): Receipt => {
    const depositId = newDepositId(a.arrangement, new Date(a.times[0]));
    const name = suitcaseName(depositId, a.compression);
    return {
      schema: a.night === null ? 'depot.receipt/1' : 'depot.receipt/2',
      depositId,
      arrangement: a.arrangement,
      supplier: { name: a.supplier, signerFingerprint: a.fingerprints[0] },
      startedAt: a.times[0],
      completedAt: a.times[1],
      suitcase: { name, bytes: a.numbers[0], sha256: a.digest },
      encryption: {
        ...(a.modern
          ? ({ packet: 'SEIPDv2', cipher: 'AES-256', aead: 'GCM' } as const)
          : ({ packet: 'SEIPDv1', cipher: 'AES-256-CFB', aead: null } as const)),
        compression: a.compression,
        recipients: a.fingerprints.map((f) => ({
          fingerprint: f,
          subkeyFingerprint: f,
          algorithm: 'RSA 3072',
          expiresAt: a.expiresAt,
        })),
      },
      keyProof: {
        pkesk: a.pkesk,
        head: a.modern ? a.heads[0] : a.heads[1],
        tail: a.modern ? a.heads[2] : null,
        plaintextOctets: a.numbers[1],
        commitment: a.digest,
      },
      dataset: {
        entries: a.numbers[2],
        bytes: a.numbers[3],
        skipped: a.skipped,
        complete: a.rehearsed,
        manifestSha256: a.digest,
      },
      ...(a.night === null ? {} : { chain: chainAt(a.night, depositId, a) }),
      ...(a.rehearsed ? { rehearsed: (a.night ?? 0) > 0 ? 'increment' : true } : {}),
      cover: { name: coverName(depositId), bytes: 1, sha256: a.digest },
      transfer: { ...acknowledged, remoteName: name, status: a.status },
      client: { version: '0.1.0', runtime: 'node v24.1.0', platform: 'darwin arm64' },
      ledger: {
        id: a.digest.slice(32),
        sequence: a.sequence,
        previousReceiptSha256: a.sequence === 1 ? null : a.digest,
      },
    };
  });
