/** What the page shows, gathered and judged; nothing here knows of HTML. */
import type { DatasetSize } from '../dataset/sources.js';
import type { LedgerAudit } from '../state/audit.js';
import type { NewestChain } from '../standing/chain.js';
import type { Receipt } from '../receipt/schema.js';
import type { Gap } from './rhythm.js';

export interface ReportData {
  madeAt: Date;
  /** Of depot. */
  version: string;
  /** Null without a configuration, and without receipts to tell it. */
  supplier: string | null;
  /** The configuration was read: rhythm and keys are known. */
  configured: boolean;
  period: { from: Date | null; to: Date | null };
  arrangements: ArrangementReport[];
}

/** The worst first: the order in which they decide what an arrangement's badge says. */
export const states = ['broken', 'late', 'never', 'keys', 'attention', 'unknown', 'ended', 'ok'] as const;
/**
 * `broken` ledger, `late` or `never` deposited against the rhythm, `keys` that the next push would refuse, `attention` for the other
 * reasons, `unknown` when nobody said how often, `ended`, `ok`.
 */
export type State = (typeof states)[number];

/** Why the state is not `ok`, as far as the badge alone does not say it. */
export type Reason =
  | { kind: 'run-failed'; exit: number; at: Date }
  | { kind: 'run-killed'; at: Date }
  | { kind: 'pending'; count: number }
  | { kind: 'shrunk'; depositId: string }
  | { kind: 'unconfirmed' | 'not-complete' | 'no-receipt'; depositId: string }
  | { kind: 'key-expires'; name: string; days: number }
  | { kind: 'key-unusable'; name: string; why: string }
  | { kind: 'unreadable'; count: number }
  /** The full deposit on which the newest is built is old; `opensForMs`: how long the agent goes on to keep it. */
  | { kind: 'full-old'; depositId: string; ageMs: number; opensForMs: number }
  /** Deposits that no longer open, `depositId` and `last` the oldest and the newest, since `without` was destroyed. */
  | { kind: 'lost'; count: number; depositId: string; last: string; without: string };

export interface ArrangementReport {
  name: string;
  /** In the configuration; otherwise only the record of it is left. */
  configured: boolean;
  everyMs: number | null;
  ended: Date | null;
  state: State;
  reasons: Reason[];
  /** The newest that the agent acknowledged and did not destroy, whatever the period. It has no age when it is dated in the future. */
  last: { depositId: string; at: Date; ageMs: number | null } | null;
  /** What `last` is built on; null where deposits are not built on each other. */
  chain: ReportedChain | null;
  /** Every one of the period, for the charts, oldest first. */
  points: Point[];
  /** The newest of the period, newest first; `points` may be more. */
  deposits: ListedDeposit[];
  /** Those of the period that are not listed, by month, newest first. */
  summed: { month: string; count: number; bytes: number }[];
  gaps: Gap[];
  /** Deposits of which the ledger notes that the agent destroyed them. */
  destructions: number;
  failedRuns: { total: number; listed: FailedRun[]; times: number[] };
  /** Runs of the period that found another one under way, and so did nothing: no failures. */
  lockedRuns: number;
  keys: KeyRow[];
  audit: LedgerAudit;
  /** The newest proof of a key, of any deposit. */
  newestProof: { depositId: string; proof: Proof } | null;
}

/** `opensForMs`: null where nobody said how long the agent keeps deposits. `late`: something keeps a new full one from being made. */
export type ReportedChain = NewestChain & { opensForMs: number | null; late: boolean };

/** `bytes` of the suitcase; null when the run did not come to know. */
export interface Point {
  at: number;
  bytes: number | null;
  seconds: number | null;
  /** Counts against the rhythm: the agent acknowledged it. */
  counts: boolean;
}

export interface ListedDeposit {
  depositId: string;
  at: Date;
  bytes: number | null;
  seconds: number | null;
  /** The dataset of the deposit before it, when it was much smaller than that. */
  shrunkFrom: DatasetSize | null;
  /** Null where a run says that there is a deposit, but no receipt of it is on file. */
  filed: FiledReceipt | null;
  /** `YYYY-MM-DD`, by the agent. */
  destroyed: string | null;
  /** The deposit that was destroyed, and without which this one no longer opens. */
  lostWithout: string | null;
  proofs: Proof[];
}

/** What the page shows of a receipt: twenty thousand whole ones would be most of the memory. */
export interface ReportedReceipt
  extends Pick<
    Receipt,
    'depositId' | 'arrangement' | 'supplier' | 'startedAt' | 'completedAt' | 'encryption' | 'chain' | 'rehearsed'
  > {
  suitcase: Pick<Receipt['suitcase'], 'bytes' | 'sha256'>;
  dataset: Pick<Receipt['dataset'], 'entries' | 'bytes' | 'complete'>;
  transfer: Pick<Receipt['transfer'], 'status' | 'remoteSize'>;
  ledger: Pick<Receipt['ledger'], 'sequence'>;
}

export interface FiledReceipt {
  receipt: ReportedReceipt;
  sha256: string;
  /** Receipt and signature as they are on file; null where the page has no room for all of them. */
  text: { receipt: string; signature: string | null } | null;
}

/** A beneficiary's statement that its key opens the deposit. */
export interface Proof {
  /** The beneficiary's name in the configuration, null when it has none there. */
  by: string | null;
  keyFingerprint: string;
  at: Date;
  /** By a key that the supplier made, so that the supplier could have written it. */
  selfAttested: boolean;
  /** The agent was asked for the digest of what it holds, and gave that of the receipt. */
  agentAsked: boolean;
}

export interface FailedRun {
  at: Date;
  exit: number;
  published: 'no' | 'yes' | 'unknown';
  /** The run did not know; it is known since. */
  settled: boolean;
}

export interface KeyRow {
  role: 'beneficiary' | 'signer' | 'earlier';
  name: string | null;
  fingerprint: string;
  algorithm: string | null;
  /** Null when it does not expire, or when nobody knows (`usable` null). */
  expiresAt: Date | null;
  daysLeft: number | null;
  /** Whether a push would take it now; null when that was not checked, and for earlier keys. */
  usable: boolean | null;
  /** Why not, or why it was not checked. */
  reason: string | null;
}
