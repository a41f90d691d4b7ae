/** What the page and its opening thread say to each other. */
import type { Verification } from '../reader/checks.js';
import type { ErrorRecord } from '../errors.js';
import type { FolderReport } from './folder-tree.js';
import type { Rows } from './listing.js';

/** Files as they were chosen; what is missing was not given. */
export interface Given {
  /** Of a chain all of them. */
  suitcases: File[];
  /** Of several the one that belongs to the suitcase is taken, and the signature that belongs to it. */
  receipts: File[];
  signatures: File[];
  signers: File[];
  key: File | null;
  passphrase: string;
  /** Lower-case hex, or empty. */
  agentSha256: string;
  /** Most bytes that may come out; null where the receipt is to say, or the size of the suitcase. */
  most: number | null;
}

export type SaveRequest =
  | { kind: 'folder'; directory: FileSystemDirectoryHandle; platform: NodeJS.Platform }
  /** Without a handle it becomes a download. */
  | { kind: 'file'; index: number; handle: FileSystemFileHandle | null }
  | { kind: 'archive'; handle: FileSystemFileHandle | null };

export type ToThread =
  /** The first message: the script of the page, for more threads. */
  | { kind: 'program'; program: Blob }
  | { kind: 'verify'; given: Given }
  | { kind: 'list'; text: string; count: number }
  | { kind: 'save'; what: SaveRequest }
  /** Ends the saving that is going on, and removes what it wrote. */
  | { kind: 'stop' };

/** What became of what was being saved, where saving did not come to its end. */
export interface Kept {
  name: string;
  /** False where it could not be removed: decrypted files lie there. */
  removed: boolean;
}

/** What was given and not used for the checks, and why. */
export interface Aside {
  /** Deposits whose suitcases were given and are no part of the night, ready to be shown. */
  nights: string[];
  /** The receipt that was taken, and names of files with others. Null where there was no choice. */
  receipts: { taken: string; others: string[] } | null;
  /** Public keys that were given as the supplier's and are the holder's own. */
  ownKeys: string[];
}

/** What is inside, when all of it was authenticated. */
export interface Summary {
  entries: number;
  bytes: number;
  manifest: boolean;
  notListed: number;
  /** Bytes after which saving to a folder stops. */
  most: number;
  /** Name for what is saved: the deposit's id, or the suitcase's name. */
  name: string;
  /** How many suitcases the night is put together of. */
  suitcases: number;
}

/** What a night is put together of. */
export interface Needed {
  /** The night's deposit. */
  depositId: string;
  suitcases: {
    depositId: string;
    /** Null where nothing tells. */
    bytes: number | null;
    sha256: string | null;
    state: 'given' | 'missing' | 'damaged';
  }[];
  /** Whether nothing tells of those before these. */
  isUnknown: boolean;
  /** The newest night of which everything is there, when that is another. */
  whole: string | null;
}

export type FromThread =
  | { kind: 'progress'; bytes: number; total: number }
  | {
      kind: 'verified';
      verification: Verification;
      warnings: string[];
      aside: Aside;
      /** Where a night takes more than one suitcase. */
      needed: Needed | null;
      /** Null where nothing may be saved. */
      inside: Summary | null;
      /** The bound, where more came out. */
      exceeded: number | null;
      /** Shell lines that do the same without this page; null without a receipt. */
      stock: string | null;
    }
  | { kind: 'rows'; rows: Rows }
  /** The folder that is being saved to was made. */
  | { kind: 'folder'; name: string }
  /** `blob`: for a download. */
  | { kind: 'saved'; blob: Blob | null; name: string; report: FolderReport | null }
  | { kind: 'stopped'; kept: Kept | null }
  /** `exceeded`: the bound, where saving would have written more. `kept`: null where nothing had been written. */
  | { kind: 'failed'; error: ErrorRecord; exceeded: number | null; kept: Kept | null };
