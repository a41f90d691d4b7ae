/** Suitcases and receipts as they were given: by name, or in directories. */
import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Chain } from '../../dataset/chain/chain-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import { parseReceiptName, parseSuitcaseName } from '../../names/deposit.js';
import { peek } from '../../open/peek.js';
import type { UnwrappedSessionKey } from '../../pgp/sessionkey.js';
import { printable } from '../../printable.js';
import type { OpeningKey } from '../key-proof.js';
import type { GivenReceipt } from '../named-files.js';
import { openSuitcaseFile, unreadable } from '../suitcase-file.js';
import { type PassedOver, readReceipts } from './given-receipts.js';

const DIGESTED_AT_ONCE = 1 << 20;
/** What lies beside suitcases and is none. */
const OTHER = /^\.|\.(?:asc|json|md|txt|html|pdf|ndjson|partial|sha256|sh)$/i;

export interface GivenSuitcase {
  path: string;
  bytes: number;
  /** As its name says it; null for a file of another name. */
  depositId: string | null;
  /** Null where the key does not open it. The caller wipes it. */
  unwrapped: UnwrappedSessionKey | null;
  /** What the session key was wrapped in, where the key opens it. */
  pkesk?: Uint8Array;
  /** Of an increment, as its beginning says it, which nobody authenticated. */
  chain: Chain | null;
  /** Why it cannot be opened, as far as its beginning shows. */
  problem: DepotError | null;
  /** Of the whole file, in hex; reads it once. */
  sha256(): Promise<string>;
}

export interface Given {
  suitcases: GivenSuitcase[];
  receipts: GivenReceipt[];
  passedOver: PassedOver[];
}

interface GivenOptions {
  /** Suitcases, and directories that hold them. */
  suitcases: readonly string[];
  /** A receipt that was named. */
  receipt?: string | undefined;
  /** Only receipts that one of these signed count; all count when there are none. */
  signers: readonly string[];
  signal: AbortSignal;
}

/**
 * Reads the beginning of every suitcase. The caller wipes the session keys.
 * @throws DepotError 'local-unreadable'; of the receipt that was named, 'verification-failed'; what the key's owner must mend
 */
export async function readGiven(o: GivenOptions, key: OpeningKey): Promise<Given> {
  const { files, receiptFiles, found } = await filesIn(o.suitcases);
  const { receipts, passedOver } = await readReceipts(o, receiptFiles);
  const suitcases: GivenSuitcase[] = [];
  try {
    for (const file of files) {
      o.signal.throwIfAborted();
      const suitcase = given(file, o.signal);
      suitcases.push(suitcase);
      await readBeginning(suitcase, key);
    }
  } catch (error) {
    wipe(suitcases);
    throw error;
  }
  // What only lies in the same directory, and is no OpenPGP message, is nobody's night.
  const isOther = (one: GivenSuitcase): boolean =>
    found.has(one.path) &&
    one.depositId === null &&
    one.unwrapped === null &&
    one.problem?.code === 'verification-failed';
  for (const { path: file, problem } of suitcases.filter(isOther))
    passedOver.push({ path: file, error: problem!, depositIds: [] });
  return { suitcases: suitcases.filter((one) => !isOther(one)), receipts, passedOver };
}

export function wipe(suitcases: readonly GivenSuitcase[]): void {
  for (const { unwrapped } of suitcases) unwrapped?.sessionKey.fill(0);
}

/** `found`: those of the files that nobody named. */
async function filesIn(
  given: readonly string[],
): Promise<{ files: string[]; receiptFiles: string[]; found: ReadonlySet<string> }> {
  const found = new Set<string>();
  const files: string[] = [];
  const receiptFiles: string[] = [];
  for (const one of given) {
    const isDirectory = await stat(one).then(
      (place) => place.isDirectory(),
      () => false,
    );
    if (!isDirectory) {
      files.push(one);
      continue;
    }
    for (const entry of (await readdir(one, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = path.join(one, entry.name);
      if (!entry.isFile() && !(entry.isSymbolicLink() && (await mayBeFile(file)))) continue;
      if (parseReceiptName(entry.name) !== null) receiptFiles.push(file);
      else if (!OTHER.test(entry.name)) {
        files.push(file);
        found.add(file);
      }
    }
  }
  return { files, receiptFiles, found };
}

/** A link to a pipe would be waited for. One that leads nowhere is an error later. */
function mayBeFile(link: string): Promise<boolean> {
  return stat(link).then(
    (found) => found.isFile(),
    () => true,
  );
}

/** What is wrong with one suitcase does not keep the others from being opened. */
async function readBeginning(suitcase: GivenSuitcase, key: OpeningKey): Promise<void> {
  try {
    const { handle, bytes, preamble, consumed } = await openSuitcaseFile(suitcase.path);
    try {
      if (bytes === null)
        throw new DepotError(
          'local-unreadable',
          `${printable(suitcase.path)} is not a regular file, and depot has to read it twice`,
          {
            hint: 'write it to a file first, and name that',
          },
        );
      suitcase.bytes = bytes;
      const { pkesk } = preamble;
      const { sessionKey, cipher } = (suitcase.unwrapped = await key.unwrap(pkesk));
      suitcase.pkesk = pkesk;
      const found = await peek({ fd: handle.fd, preamble, consumed, sessionKey, cipher });
      if ('error' in found) suitcase.problem = found.error;
      else suitcase.chain = found.chain;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isDepotError(error) || !['verification-failed', 'not-addressed', 'archive-refused'].includes(error.code))
      throw error;
    suitcase.problem = error;
  }
}

function given(file: string, signal: AbortSignal): GivenSuitcase {
  let digest: Promise<string> | undefined;
  return {
    path: file,
    bytes: 0,
    depositId: parseSuitcaseName(path.basename(file))?.depositId ?? null,
    unwrapped: null,
    chain: null,
    problem: null,
    sha256: () => (digest ??= digestOf(file, signal)),
  };
}

/** Into one piece of memory, again and again: a stream would leave as much behind as the file has. */
async function digestOf(file: string, signal: AbortSignal): Promise<string> {
  const failed = (cause: unknown): never => {
    throw unreadable(file, cause);
  };
  const handle = await open(file, 'r').catch(failed);
  try {
    const hash = createHash('sha256');
    const buffer = new Uint8Array(DIGESTED_AT_ONCE);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null).catch(failed);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}
