/** State directories with many deposits in them, as pushes would have left them, but without waiting for the disk at each. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { receiptBytes } from '../../src/receipt/canonical.js';
import { coverName, receiptName, suitcaseName, timestamp } from '../../src/names/deposit.js';
import { receiptProblem, type Receipt } from '../../src/receipt/schema.js';
import type { RunRecord } from '../../src/state/runs.js';
import { draftOf, sha256 } from '../state/samples.js';

export interface PastDeposit {
  /** When it was begun. */
  at: Date;
  bytes?: number;
  seconds?: number;
  changes?: Partial<Receipt>;
  /** In its chain, 0 for a full deposit; it is built on the deposit before it. Without: deposits are not built on each other. */
  number?: number;
}

export interface PastRun {
  at: Date;
  exit: number;
  code: RunRecord['code'];
  published?: RunRecord['published'];
  depositId?: string;
}

export interface History {
  arrangement: string;
  deposits: readonly PastDeposit[];
  failed?: readonly PastRun[];
  /** Makes the armoured signature of a receipt; by default one that nobody accepts. */
  sign?: (bytes: Uint8Array) => Promise<string>;
}

const ledgerId = '0123456789abcdef'.repeat(2);

/** Adds an arrangement's past to `state`; returns the ids of its deposits, oldest first. */
export async function writeHistory(state: string, h: History): Promise<string[]> {
  const directory = join(state, h.arrangement);
  mkdirSync(join(directory, 'pending'), { recursive: true, mode: 0o700 });
  writeFileSync(join(state, 'ledger.id'), `${ledgerId}\n`, { mode: 0o600 });
  const lines: string[] = [];
  const runs: RunRecord[] = (h.failed ?? []).map((run) => runOf(h.arrangement, run));
  const ids: string[] = [];
  let previous: { receipt: string; line: string } | null = null;
  for (const [i, { at, bytes = 1 << 30, seconds = 60, changes = {}, number }] of h.deposits.entries()) {
    const depositId = `${h.arrangement}_${timestamp(at).replace(/[-:]/g, '')}_${sha256(`${h.arrangement} ${i}`).slice(0, 16)}`;
    const draft = draftOf(depositId, { startedAt: timestamp(at), ...changes });
    const receipt: Receipt = {
      ...draft,
      suitcase: { name: suitcaseName(depositId, draft.encryption.compression), bytes, sha256: sha256(depositId) },
      cover: { ...draft.cover, name: coverName(depositId) },
      completedAt: timestamp(new Date(at.getTime() + seconds * 1000)),
      transfer: {
        status: 'acknowledged',
        remoteSize: 'matched',
        durability: 'fsynced',
        ...changes.transfer,
        remoteName: suitcaseName(depositId, draft.encryption.compression),
      },
      ledger: { id: ledgerId, sequence: i + 1, previousReceiptSha256: previous?.receipt ?? null },
      ...(number !== undefined && { schema: 'depot.receipt/2', chain: chainOf(depositId, number, ids, draft) }),
    };
    const problem = receiptProblem(receipt);
    if (problem !== null) throw new Error(problem);
    const encoded = receiptBytes(receipt);
    const file = join(directory, receiptName(depositId));
    writeFileSync(file, encoded, { mode: 0o600 });
    writeFileSync(`${file}.asc`, await (h.sign ?? noSignature)(encoded), { mode: 0o600 });
    const line: string = JSON.stringify({
      sequence: i + 1,
      kind: 'deposit',
      depositId,
      receiptSha256: sha256(encoded),
      previousSha256: previous === null ? null : sha256(previous.line),
      time: receipt.completedAt,
      ledgerId,
    });
    lines.push(line);
    previous = { receipt: sha256(encoded), line };
    ids.push(depositId);
    runs.push(
      runOf(
        h.arrangement,
        { at: new Date(receipt.completedAt), exit: 0, code: null, published: 'yes', depositId },
        { bytes, seconds },
      ),
    );
  }
  writeFileSync(join(directory, 'ledger.ndjson'), lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  runs.sort((a, b) => (a.finishedAt < b.finishedAt ? -1 : 1));
  appendFileSync(join(directory, 'runs.ndjson'), runs.map((run) => `${JSON.stringify(run)}\n`).join(''), {
    mode: 0o600,
  });
  return ids;
}

function chainOf(
  depositId: string,
  number: number,
  earlier: readonly string[],
  { startedAt, dataset }: Pick<Receipt, 'startedAt' | 'dataset'>,
): NonNullable<Receipt['chain']> {
  const base = number === 0 ? null : earlier.at(-1)!;
  return {
    fullDepositId: number === 0 ? depositId : earlier.at(-number)!,
    number,
    previousDepositId: base,
    previousSuitcaseSha256: base === null ? null : sha256(base),
    datasetSha256: '77'.repeat(32),
    entries: dataset.entries + 10_000,
    bytes: dataset.bytes * 10,
    complete: true,
    lastReadInFull: startedAt,
  };
}

function runOf(
  arrangement: string,
  { at, exit, code, published = 'no', depositId }: PastRun,
  o: { bytes?: number; seconds?: number } = {},
): RunRecord {
  const seconds = o.seconds ?? 1;
  return {
    schema: 'depot.run/1',
    arrangement,
    startedAt: timestamp(new Date(at.getTime() - seconds * 1000)),
    finishedAt: timestamp(at),
    exit,
    code,
    message: code === null ? null : 'said /srv/secret/path on 10.20.0.5',
    published,
    depositId: depositId ?? null,
    bytes: o.bytes ?? null,
    seconds,
    lanes: 1,
    attempts: 1,
    reconnects: 0,
    host: 'deposit-host-7',
  };
}

async function noSignature(): Promise<string> {
  return '-----BEGIN PGP SIGNATURE-----\n\nnone\n-----END PGP SIGNATURE-----\n';
}

export const day = 24 * 3_600_000;

/** `count` nightly deposits of a dataset that grows, the newest within the last day before `now`. */
export function nightly(count: number, now = new Date()): PastDeposit[] {
  const last = new Date(now.getTime() - 8 * 3_600_000);
  return Array.from({ length: count }, (_, i) => {
    const wobble = ((i * 7919) % 97) / 97;
    return {
      at: new Date(last.getTime() - (count - 1 - i) * day),
      bytes: Math.round((2 + i * 0.002 + wobble * 0.4) * 2 ** 30),
      seconds: Math.round(200 + i * 0.3 + wobble * 90),
    };
  });
}
