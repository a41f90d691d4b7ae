/** What a push is asked, tells on its way, and answers. */
import type { Amounts } from '../amounts.js';
import type { Arrangement, Config } from '../config/types.js';
import type { Listed } from '../dataset/listed.js';
import type { DatasetSummary } from '../dataset/sources.js';
import type { RunDataset, RunRecord } from '../state/runs.js';
import type { Receipt } from '../receipt/schema.js';
import type { CompressionFormat } from '../seal/compress.js';
import type { Waiting } from '../sftp/types.js';
import type { Warn } from '../warning.js';
import type { Logins } from './logins.js';
import type { Run } from './run.js';
import type { SharedByPushes } from './shared.js';

export interface PushOptions {
  config: Config;
  stateDirectory: string;
  arrangement: Arrangement;
  dryRun: boolean;
  /** Open what is sealed while it goes out, and compare it. */
  rehearse: boolean;
  /** With `incremental:`: a full deposit, whatever is due. */
  full?: boolean;
  /** With `incremental:`: read every file, whatever its times say. */
  reread?: boolean;
  /** Skip when the last deposit is younger. */
  ifOlderThanMs?: number;
  /** Skip when the last deposit was begun then or later. */
  ifNoneSince?: Date;
  /** Skip when another push of it is running, which is an error otherwise. */
  ifNotRunning?: boolean;
  /** How long to go on trying to reach the server after a lost connection. */
  retryForMs: number;
  /** The same before the first connection; `retryForMs` when left out. */
  connectForMs?: number;
  env: NodeJS.ProcessEnv;
  /** Aborted with a DepotError as its reason: 'interrupted', 'terminated' or 'hung-up'. */
  signal: AbortSignal;
  /** Asks a person for a secret; left out where nobody can be asked. */
  prompt?: (question: string) => Promise<string>;
  /** Somebody looks at the progress: find out how much there is to read. */
  measure?: boolean;
  /** The accounts of this run: a password in the environment is for one. */
  logins: Logins;
  /** What this push shares with the others of its run. */
  shared?: SharedByPushes;
}

export interface PushHooks {
  warn: Warn;
  /** `doing`: what of it, for people: "renaming the file". */
  phase(name: 'connecting' | 'sealing' | 'uploading' | 'finishing', doing?: string): void;
  progress(progress: Amounts): void;
  /** There is no connection to the server; null once there is one again. */
  waiting?(waiting: Waiting | null): void;
  /** There is something to do, and nobody else does it. */
  begun?(): void;
  /** A dry run tells what becomes of each entry, so many at a time, and reads on when this is done. */
  listed?: (some: Listed[]) => Promise<void>;
  /** Completes the lines to type in a hint, for the run record. */
  typed?: (hint: string) => string;
  /** The run is over, and its record written, or could not be: for whoever is to be told. */
  recorded?(record: RunRecord, because?: Skipped['because']): void;
}

/** A push that had nothing to do: why, and in words. */
export interface Skipped {
  skipped: string;
  because: 'recent' | 'running';
}

/** A deposit that was made and recorded. */
export interface Deposit {
  depositId: string;
  suitcase: string;
  receiptPath: string;
  receipt: Receipt;
}

export interface DryRunSummary extends DatasetSummary, Pick<RunDataset, 'previous' | 'shrunk'> {
  sealedBytes: number;
  seconds: number;
  packet: 'SEIPDv1' | 'SEIPDv2';
  compression: CompressionFormat;
  rehearsed: boolean;
  /** With `incremental:`, why this would be a full deposit; null for an increment. */
  full: string | null;
}

export type PushOutcome =
  | ({ arrangement: string } & Skipped)
  | ({ arrangement: string; deposit: Deposit & { run: RunRecord }; newLedger: boolean } & Pick<
      Run,
      'files' | 'changes'
    >)
  | { arrangement: string; dryRun: DryRunSummary };
