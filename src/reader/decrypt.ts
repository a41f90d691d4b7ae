import { lstat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { succeeds } from '../abort.js';
import { DepotError, isDepotError } from '../errors.js';
import { type Limit, openSuitcase, type OpenResult } from '../open/opening.js';
import type { UnwrappedSessionKey } from '../pgp/sessionkey.js';
import { requireOwnPlace } from '../permissions.js';
import { inMebibytes, printable } from '../printable.js';
import { fromBase64 } from '../receipt/base64.js';
import { localError } from '../durable-file.js';
import { commitmentOf, openingOf } from '../receipt/proof.js';
import type { Receipt } from '../receipt/schema.js';
import { typedWord } from '../shell.js';
import { addressed, otherReceipt } from './exhibits.js';
import { readReceipt, verifyReceipt } from './named-files.js';
import type { OpeningKey } from './key-proof.js';
import { allowedEntries, allowedBytes, contentLimit, entryLimit, twice } from './limits.js';
import { openingKeyOf, type KeyPlace } from './opening-key.js';
import { PartialDirectory } from './partial-directory.js';
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
  /** Null when the contents went out as they are, and nobody counted. */
  entries: number | null;
  bytes: number;
  /** Absolute path; null when the contents went to standard output. */
  out: string | null;
  origin: 'proven' | 'not proven';
  warnings: string[];
}

/** A suitcase with everything that is needed to open it. */
interface Opening {
  o: DecryptOptions;
  hooks: DecryptHooks;
  file: SuitcaseFile;
  receipt: Receipt | null;
  unwrapped: UnwrappedSessionKey;
  origin: Decrypted['origin'];
  limits: Record<'maxBytes' | 'maxWritten' | 'maxEntries', Limit | null>;
}

/**
 * Opens a suitcase: receipt, if given | key packets, head | unwrap | first everything authenticated, then put in place.
 * When it throws, there is no output.
 */
export async function decrypt(o: DecryptOptions, hooks: DecryptHooks): Promise<Decrypted> {
  const out = o.out === undefined ? null : await freePlace(o.out);
  const { receipt, origin } = await receiptOf(o, hooks);
  // Before anyone is asked for a passphrase.
  const file = await openSuitcaseFile(o.suitcase);
  try {
    const key = await keyFor(file, o);
    const unwrapped = await addressed(key.unwrap(file.preamble.pkesk), receipt);
    try {
      if (receipt !== null) belongsTogether(o.suitcase, file, unwrapped, receipt);
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

const fetchAgain =
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
    throw new DepotError('usage', 'this suitcase is modern (SEIPDv2), which gpg does not read', {
      hint: 'use --key with the file of the private key',
    });
  }
  const key = await openingKeyOf(o);
  if (key === null) throw new DepotError('usage', 'no private key given', { hint: 'add --key FILE, or --gpg' });
  return key;
}

/**
 * How much may come out: what the user allows, else what a receipt with a `proven` origin says, else what there is room
 * for. Copies of hard links, of which no receipt tells, may take what there is room for.
 */
async function limitsOf(o: DecryptOptions, proven: Receipt | null, out: string | null): Promise<Opening['limits']> {
  const user = o.maxSize === undefined ? null : allowedBytes(o.maxSize, 'user');
  const room = out === null ? null : await roomAt(out, roomForBytes);
  const roomForMore = out === null ? null : await roomAt(out, roomForEntries);
  return {
    maxBytes: user ?? (proven === null ? room : allowedBytes(contentLimit(proven.dataset), 'receipt')),
    maxWritten: user ?? room,
    maxEntries: proven === null ? roomForMore : allowedEntries(entryLimit(proven.dataset)),
  };
}

/** What can be known before anything is decrypted. */
function belongsTogether(
  path: string,
  { preamble, bytes }: SuitcaseFile,
  { sessionKey }: UnwrappedSessionKey,
  { depositId, suitcase, keyProof }: Receipt,
): void {
  const differs = (found: Uint8Array, expected: string): boolean => Buffer.compare(found, fromBase64(expected)!) !== 0;
  if (differs(preamble.pkesk, keyProof.pkesk) || differs(preamble.head, keyProof.head)) {
    throw wrong(`this suitcase is not that of the receipt, ${depositId}`, otherReceipt(path, depositId));
  }
  if (bytes !== null && bytes !== suitcase.bytes)
    throw wrong(`the suitcase has ${bytes} bytes, but the receipt says ${suitcase.bytes}`);
  if (commitmentOf(openingOf(sessionKey, preamble.pkesk, depositId)) !== keyProof.commitment)
    throw wrong('the session key is not the one that the receipt commits to');
}

/** Into `<out>.partial`, which becomes `out` when all is well and is removed when it is not. */
async function toDirectory(opening: Opening, out: string): Promise<Decrypted> {
  const partial = await PartialDirectory.make(out);
  try {
    const opened = await read(opening, { kind: 'extract', directory: partial.path });
    const { entries, bytes, manifest, problems } = opened.contents!;
    if (problems.length > 0) throw wrong(`the contents are not what the manifest says: ${problems.join('; ')}`);
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

/** What it failed for stays the error. */
async function removeOrSay(partial: PartialDirectory, hooks: DecryptHooks): Promise<void> {
  const { path } = partial;
  try {
    if (await partial.remove()) return;
    hooks.warn(
      `${printable(path)} was replaced while this run wrote there, and is left alone; remove it when no other run writes there`,
    );
  } catch (error) {
    const reason = localError(error, 'remove', path);
    hooks.warn(
      `decrypted files are left in ${printable(path)}, which could not be removed (${printable(reason instanceof Error ? reason.message : String(reason))}); remove it: «rm -r ${typedWord(path)}»`,
    );
  }
}

/** First pass: is all of it authentic? Second pass: the same bytes, handed out. */
async function toStdout(opening: Opening, stdout: Writable): Promise<Decrypted> {
  const { file, o } = opening;
  if (file.bytes === null)
    throw new DepotError('usage', `${printable(o.suitcase)} cannot be read twice, and --stdout must`, {
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

function sameAsReceipt(opened: OpenResult, receipt: Receipt | null): void {
  if (receipt === null) return;
  if (opened.sha256 !== receipt.suitcase.sha256)
    throw wrong(`the suitcase has SHA-256 ${opened.sha256}, but the receipt says ${receipt.suitcase.sha256}`);
  if (opened.contents !== null && opened.contents.manifestSha256 !== receipt.dataset.manifestSha256)
    throw wrong('the manifest is not the one that the receipt names');
}

function roomAt<T>(out: string, room: (directory: string) => Promise<T>): Promise<T> {
  return room(dirname(out)).catch((error: unknown) => {
    throw localError(error, 'create', out);
  });
}

/** How much content may be written there: all that there is room for. */
async function roomForBytes(directory: string): Promise<Limit> {
  const { bavail, bsize } = await statfs(directory);
  const most = bavail * bsize;
  const or = `; or, since long runs of zeros become holes, allow more than there is room for: --max-size ${twice(most)}`;
  return { most, exceeded: tooSmall(directory, inMebibytes(most), or) };
}

/** How many files, leaving some for everybody else; null where the file system does not count them (it says 0). */
async function roomForEntries(directory: string): Promise<Limit | null> {
  const { files, ffree } = await statfs(directory);
  if (files === 0 || ffree === 0) return null;
  const most = Math.max(0, ffree - Math.ceil(files / 20));
  return { most, exceeded: tooSmall(directory, `${most} files`) };
}

function tooSmall(directory: string, room: string, or = ''): Limit['exceeded'] {
  return {
    code: 'local-disk-full',
    message: `no room for the contents: ${room} free on the file system of ${printable(directory)}; nothing was kept`,
    hint: `free space there, or choose another disk with --out${or}`,
  };
}

/** Its absolute path, when a directory can be made there. @throws DepotError 'output-exists', 'local-…' */
export async function freePlace(out: string): Promise<string> {
  const path = resolve(out);
  if (await succeeds(lstat(path)))
    throw new DepotError('output-exists', `${printable(path)} exists already`, {
      hint: 'name a directory that does not exist yet with --out',
    });
  await requireOwnPlace(path).catch((error: unknown) => {
    throw localError(error, 'create', path);
  });
  return path;
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

function wrong(message: string, hint?: string | null): DepotError {
  return new DepotError('verification-failed', message, { hint: hint ?? undefined });
}
