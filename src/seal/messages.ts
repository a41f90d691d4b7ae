import type { Encryption } from '../pgp/sessionkey.js';
import type { DatasetOptions, DatasetSummary } from '../dataset/pack.js';
import type { ErrorRecord } from '../errors.js';
import type { CompressionFormat } from './compress.js';

/** What a sealing needs to know; travels to the sealing thread whole, when it is to begin. */
export interface SealOptions {
  dataset: DatasetOptions;
  compression: CompressionFormat;
  /** The PKESK packets, byte for byte as they will open the suitcase. */
  pkesk: Uint8Array;
  /** 32 octets; shared with the thread, and wiped when that is done or gone. */
  sessionKey: Uint8Array;
  encryption: Encryption;
}

/** What the sealing thread computed while it streamed. */
export interface Sealed {
  bytes: number;
  head: Uint8Array;
  tail: Uint8Array | null;
  plaintextOctets: number;
  dataset: DatasetSummary;
}

/** All that a receipt says of suitcase and dataset. */
export interface SealResult extends Sealed {
  /** Hex SHA-256 of the whole suitcase. */
  sha256: string;
}

export interface SealProgress {
  entries: number;
  /** Dataset bytes read so far. */
  bytes: number;
}

/** Sealing thread → main thread. `block` is transferred, not copied. */
export type FromThread =
  | { kind: 'block'; buffer: ArrayBuffer; length: number }
  | { kind: 'progress'; progress: SealProgress }
  | { kind: 'warning'; message: string; weight?: 'act' | undefined }
  | { kind: 'sealed'; result: Sealed }
  | { kind: 'failed'; error: ErrorRecord };

/** Main thread → sealing thread: `begin` first, and once. A returned buffer is a credit: the thread owns a fixed number. */
export type ToThread =
  | { kind: 'begin'; options: SealOptions }
  | { kind: 'credit'; buffer: ArrayBuffer }
  | { kind: 'abort' };
