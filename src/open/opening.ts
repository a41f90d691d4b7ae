import { newConveyor, Taker } from '../conveyor.js';
import type { ManifestResult } from '../dataset/compare.js';
import type { ErrorCode } from '../errors.js';
import type { Preamble } from '../pgp/preamble.js';
import type { UnwrappedSessionKey } from '../pgp/sessionkey.js';
import { Thread, sharedKey } from '../threads.js';
import type { ContentFormat } from './content-format.js';

/** What the opening thread does with the entries that it reads. */
export type OpenMode =
  /** Compare every entry with the manifest; write nothing. */
  | { kind: 'check' }
  /**
   * The same, and write the entries below `directory`, which exists and holds none of their names. `isPart`: symlinks,
   * and the modes and times of directories, are left to who puts the chain together (`src/open/assemble.ts`).
   */
  | { kind: 'extract'; directory: string; isPart: boolean }
  /** Authenticate only: for a content that need not be a tar. */
  | { kind: 'authenticate' }
  /** Hand out the decompressed content, after each stretch of the file was found to be as in `segments`. */
  | { kind: 'emit'; segments: Uint8Array };

/** The most of something, and what it means when there is more: a bomb, or a disk that is too small. */
export interface Limit {
  most: number;
  exceeded: { code: ErrorCode; message: string; hint: string };
}

export interface OpenOptions {
  /** An open file, positioned right behind `consumed`. The caller closes it after the thread is gone. */
  fd: number;
  /** What was read from it to find out which key opens it. */
  consumed: Uint8Array;
  preamble: Preamble;
  /** 16, 24 or 32 bytes; shared with the thread, and wiped when that is gone. */
  sessionKey: Uint8Array;
  /** The cipher that a v3 PKESK named. */
  cipher: UnwrappedSessionKey['cipher'];
  mode: OpenMode;
  /** On the bytes that come out after decompression. */
  maxBytes: Limit | null;
  /** `extract`: on the bytes of files, where hard links become copies. */
  maxWritten: Limit | null;
  maxEntries: Limit | null;
  /** Whether the SHA-256 of the suitcase is wanted: without a receipt there is nothing to compare it with. */
  wantsSha256: boolean;
}

export interface OpenResult {
  bytes: number;
  /** Hex SHA-256 of the whole suitcase file; empty, so equal to none, when it was not wanted. */
  sha256: string;
  head: Uint8Array;
  tail: Uint8Array | null;
  plaintextOctets: number;
  compression: ContentFormat;
  /** What the archive held, compared with its own manifest. Null for `authenticate` and `emit`. */
  contents: ManifestResult | null;
  /** Digests of the stretches of the file, for a second pass over the same bytes. */
  segments: Uint8Array;
}

export interface OpeningHooks {
  /** When it fires, the thread is ended wherever it is: the caller removes what was written. */
  signal: AbortSignal;
  warn(message: string): void;
  progress(bytes: number): void;
  /** For `emit`; resolves when more may come. */
  emit?: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
}

/** Opens a suitcase in a thread; the caller wipes its session key. @throws as `open` in open.ts; the signal's reason */
export async function openSuitcase(options: OpenOptions, hooks: OpeningHooks): Promise<OpenResult> {
  hooks.signal.throwIfAborted();
  const shared = sharedKey(options.sessionKey);
  // One piece of content under way and one in hand.
  const content = hooks.emit && newConveyor(2, 0);
  const thread = new Thread<OpenResult>(
    {
      name: 'opening',
      data: { ...options, sessionKey: shared } satisfies OpenOptions,
      ends: content ? { to: content.filling } : {},
    },
    {
      said: (said) => {
        if (said.kind === 'warning') hooks.warn(said.message);
        else hooks.progress(said.bytes);
      },
    },
  );
  const abort = (): void => void thread.terminate();
  hooks.signal.addEventListener('abort', abort, { once: true });
  try {
    if (content) await emitted(new Taker(content.emptying), thread, hooks.emit!);
    return await thread.result;
  } catch (error) {
    // The end of the thread may come first, or what breaks in it on the way.
    hooks.signal.throwIfAborted();
    throw error;
  } finally {
    hooks.signal.removeEventListener('abort', abort);
    // It is not asked to end, and may be anywhere: what it had of the key is ours.
    await thread.terminate();
    shared.fill(0);
  }
}

async function emitted(
  from: Taker,
  thread: Thread<OpenResult>,
  emit: NonNullable<OpeningHooks['emit']>,
): Promise<void> {
  thread.result.catch((error: unknown) => from.giveUp(error));
  for (let block = await from.next(); block !== null; block = await from.next()) {
    await emit(block.bytes);
    // Whoever got it may need it for some time yet.
    from.keep();
  }
}
