import path from 'node:path';
import type { Writable } from 'node:stream';
import type { Chain } from '../dataset/chain/chain-file.js';
import { DepotError, isDepotError } from '../errors.js';
import { openSuitcase, type OpenResult } from '../open/opening.js';
import { parseSuitcaseName } from '../names/deposit.js';
import type { UnwrappedSessionKey } from '../pgp/sessionkey.js';
import { printable } from '../printable.js';
import type { Receipt } from '../receipt/schema.js';
import { chainOfAlone, idOf } from './chain/alone.js';
import { aloneWords } from './chain/members.js';
import { addressed } from './exhibits.js';
import { agreeing, belongsTogether, sameAsReceipt } from './found.js';
import type { OpeningKey } from './key-proof.js';
import { readReceipt, verifyReceipt } from './named-files.js';
import { openingKeyOf, type KeyPlace } from './opening-key.js';
import { freePlace, removeOrSay } from './output.js';
import { PartialDirectory } from './partial-directory.js';
import { limitsOf, type Limits } from './room.js';
import { openSuitcaseFile, type SuitcaseFile } from './suitcase-file.js';

export interface DecryptOptions extends KeyPlace {
  suitcase: string;
  receipt?: string | undefined;
  signers: string[];
  /** A directory that does not exist yet; or `stdout`. */
  out?: string | undefined;
  stdout?: Writable | undefined;
  /** Most bytes of content. */
  maxSize?: number | undefined;
}

export interface DecryptHooks {
  warn(message: string): void;
  progress(p: { bytes: number; totalBytes: number | null }): void;
}

export interface Decrypted {
  /** What was taken where a directory, or more than one suitcase, was given. */
  night?: ChosenNight;
  /** What is there is not the whole. */
  salvaged?: Salvaged;
  /** Null when the contents went out as they are, and nobody counted. */
  entries: number | null;
  bytes: number;
  /** Absolute path; null when the contents went to standard output. */
  out: string | null;
  origin: 'proven' | 'not proven';
  warnings: string[];
}

/** What could be had where suitcases were missing or damaged. */
export interface Salvaged {
  /** The deposit whose night was put together; not the wanted one where its own suitcase is missing. */
  of: string;
  wanted: string;
  /** As the receipt of that night has it; null without one that fits. */
  entriesOfNight: number | null;
  /** Entries that are not, or perhaps not, as they were; DEPOT/gaps.txt lists them. The next two together. */
  incomplete: number;
  withMissingBytes: number;
  maybeOutdated: number;
  /** Deposits whose suitcases could not be used. */
  missing: string[];
  /** Deposits of the chain that can be opened whole. */
  whole: string[];
}

/** The night that was opened, of all that what was given tells of. */
export interface ChosenNight {
  depositId: string;
  /** How many suitcases come before its own. */
  number: number;
  hasReceipt: boolean;
  /** Nights that were not taken, in words. */
  leftAside: string[];
}

/** A suitcase with everything that is needed to open it. */
interface Opening {
  o: DecryptOptions;
  hooks: DecryptHooks;
  file: SuitcaseFile;
  receipt: Receipt | null;
  unwrapped: UnwrappedSessionKey;
  origin: Decrypted['origin'];
  limits: Limits;
}

/**
 * Opens a suitcase: receipt, if given | key packets, head | unwrap | first everything authenticated, then put in place.
 * When it throws, there is no output.
 */
export async function decrypt(o: DecryptOptions, hooks: DecryptHooks): Promise<Decrypted> {
  const out = o.out === undefined ? null : await freePlace(o.out);
  const { receipt, origin } = await receiptOf(o, hooks);
  const named = parseSuitcaseName(path.basename(o.suitcase))?.depositId;
  if (receipt !== null && named !== undefined && named !== receipt.depositId)
    hooks.warn(`the suitcase is named after ${printable(named)}, but the receipt is that of ${receipt.depositId}`);
  // Before anyone is asked for a passphrase.
  const file = await openSuitcaseFile(o.suitcase);
  try {
    const key = await keyFor(file, o);
    const unwrapped = await addressed(key.unwrap(file.preamble.pkesk), receipt);
    try {
      if (receipt !== null) belongsTogether(o.suitcase, file, unwrapped, receipt);
      if (out !== null) {
        const chain = await chainOfAlone(o.suitcase, file, unwrapped, receipt);
        if (chain !== null) throw needsOthers(o, chain);
      }
      const limits = await limitsOf(o, origin === 'proven' ? receipt : null, out);
      const opening: Opening = { o, hooks, file, receipt, unwrapped, origin, limits };
      return out === null ? await toStdout(opening, o.stdout!) : await toDirectory(opening, out);
    } finally {
      unwrapped.sessionKey.fill(0);
    }
  } catch (error) {
    if (isDepotError(error, 'verification-failed')) error.hint ??= fetchAgain;
    throw error;
  } finally {
    await file.handle.close();
  }
}

export const fetchAgain =
  'fetch the suitcase again; if that does not help, ask the agent for its size and SHA-256 and compare them with the receipt';

async function receiptOf(
  o: DecryptOptions,
  hooks: DecryptHooks,
): Promise<{ receipt: Receipt | null; origin: Decrypted['origin'] }> {
  if (o.receipt === undefined) return { receipt: null, origin: 'not proven' };
  const given = await readReceipt(o.receipt);
  if (o.signers.length === 0) return { receipt: given.receipt, origin: 'not proven' };
  const { warnings } = await verifyReceipt(given, undefined, o.signers);
  warnings.forEach((warning) => hooks.warn(warning));
  return { receipt: given.receipt, origin: 'proven' };
}

/** The private key, which asks for its passphrase now. @throws DepotError 'usage', and as `openingKeyOf` */
async function keyFor({ preamble }: SuitcaseFile, o: DecryptOptions): Promise<OpeningKey> {
  if (o.gpg !== undefined && preamble.encryption.packet === 'SEIPDv2') {
    throw new DepotError('usage', 'this suitcase is modern (SEIPDv2), which gpg cannot read', {
      hint: 'use --key with the file of the private key',
    });
  }
  const key = await openingKeyOf(o);
  if (key === null) throw new DepotError('usage', 'no private key given', { hint: 'add --key FILE, or --gpg' });
  return key;
}

/** Into `<out>.partial`, which becomes `out` when all is well and is removed when it is not. */
async function toDirectory(opening: Opening, out: string): Promise<Decrypted> {
  const partial = await PartialDirectory.make(out);
  try {
    const opened = await read(opening, { kind: 'extract', directory: partial.path, isPart: false });
    const { entries, bytes, manifest, chain } = agreeing(opened);
    if (chain !== undefined) throw needsOthers(opening.o, chain);
    sameAsReceipt(opened, opening.receipt);
    await partial.putInPlace();
    const warnings =
      manifest === 'none' ? ['the archive has no manifest: it was not made by depot, and nothing was compared'] : [];
    return { entries, bytes, out, origin: opening.origin, warnings };
  } catch (error) {
    await removeOrSay(partial, opening.hooks);
    throw error;
  }
}

/** An increment alone is not the whole dataset. */
function needsOthers({ suitcase, signers, gpg }: DecryptOptions, chain: Chain): DepotError {
  const isSigned = signers.length > 0;
  const command = `depot decrypt DIRECTORY ${gpg === undefined ? '--key FILE' : '--gpg'}${isSigned ? ' --signer FILE' : ''} --out OUT`;
  const those = isSigned ? 'all of them, with this receipt and its .asc,' : 'all of them';
  return new DepotError('incomplete', aloneWords(idOf(suitcase), chain), {
    hint: `put ${those} into one directory, and name that: «${command}»`,
  });
}

/** First pass: is all of it authentic? Second pass: the same bytes, handed out. */
async function toStdout(opening: Opening, stdout: Writable): Promise<Decrypted> {
  const { file, o } = opening;
  if (file.bytes === null)
    throw new DepotError('usage', `${printable(o.suitcase)} cannot be read twice, as --stdout requires`, {
      hint: 'save the suitcase to a file first',
    });
  const first = await read(opening, { kind: 'authenticate' });
  sameAsReceipt(first, opening.receipt);
  const again = await openSuitcaseFile(o.suitcase);
  let bytes = 0;
  try {
    await read({ ...opening, file: again }, { kind: 'emit', segments: first.segments }, async (chunk) => {
      bytes += chunk.length;
      if (!stdout.write(chunk)) await drained(stdout, o.signal);
    });
  } finally {
    await again.handle.close();
  }
  return { entries: null, bytes, out: null, origin: opening.origin, warnings: [] };
}

async function read(
  { o, hooks, file, receipt, unwrapped, limits }: Opening,
  mode: Parameters<typeof openSuitcase>[0]['mode'],
  emit?: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
): Promise<OpenResult> {
  const { handle, preamble, consumed } = file;
  const { sessionKey, cipher } = unwrapped;
  return openSuitcase(
    { fd: handle.fd, preamble, consumed, sessionKey, cipher, mode, ...limits, wantsSha256: receipt !== null },
    {
      signal: o.signal,
      warn: (message) => hooks.warn(message),
      progress: (bytes) => hooks.progress({ bytes, totalBytes: file.bytes }),
      ...(emit && { emit }),
    },
  );
}

function drained(stdout: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    stdout.once('drain', () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
