import type { ManifestResult } from '../dataset/compare.js';
import type { ErrorCode } from '../errors.js';
import type { UnwrappedSessionKey } from '../pgp/sessionkey.js';
import type { Preamble } from '../pgp/reader.js';

/** What the opening thread does with the entries that it reads. */
export type OpenMode =
  /** Compare every entry with the manifest; write nothing. */
  | { kind: 'check' }
  /** The same, and write the entries below `directory`, which exists and is empty. */
  | { kind: 'extract'; directory: string }
  /** Authenticate only: for a content that need not be a tar. */
  | { kind: 'authenticate' }
  /** Hand out the decompressed content, after each stretch of the file was found to be as in `segments`. */
  | { kind: 'emit'; segments: Uint8Array };

/** The most of something, and what it means when there is more: a bomb, or a disk that is too small. */
export interface Limit {
  most: number;
  exceeded: { code: ErrorCode; message: string; hint: string };
}

/** What an opening needs to know; travels to the opening thread whole. */
export interface OpenOptions {
  /** An open file, positioned right behind `consumed`. The caller closes it after the thread is gone. */
  fd: number;
  /** What was read from it to find out which key opens it. */
  consumed: Uint8Array;
  preamble: Preamble;
  /** 16, 24 or 32 octets; shared with the thread, and wiped when that is gone. */
  sessionKey: Uint8Array;
  /** The cipher that a v3 PKESK named. */
  cipher: UnwrappedSessionKey['cipher'];
  mode: OpenMode;
  /** On the octets that come out after decompression. */
  maxBytes: Limit | null;
  /** `extract`: on the octets of files, where hard links become copies. */
  maxWritten: Limit | null;
  maxEntries: Limit | null;
  /** Whether the SHA-256 of the suitcase is wanted: without a receipt there is nothing to compare it with. */
  wantsSha256: boolean;
}

/** What the archive held, compared with its own manifest. */
export type OpenedContents = ManifestResult;

export interface OpenResult {
  bytes: number;
  /** Hex SHA-256 of the whole suitcase file; empty, so equal to none, when it was not wanted. */
  sha256: string;
  head: Uint8Array;
  tail: Uint8Array | null;
  plaintextOctets: number;
  compression: 'none' | 'gzip' | 'zstd';
  /** Null for `authenticate` and `emit`. */
  contents: OpenedContents | null;
  /** Digests of the stretches of the file, for a second pass over the same bytes. */
  segments: Uint8Array;
}
