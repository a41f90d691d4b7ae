import { newConveyor, Taker } from '../conveyor.js';
import { sharedKey } from '../shared-key.js';
import { Thread } from '../threads.js';
import type { OpenOptions, OpenResult } from './messages.js';

export interface OpeningHooks {
  /** When it fires, the thread is ended wherever it is: the caller removes what was written. */
  signal: AbortSignal;
  warn(message: string): void;
  progress(bytes: number): void;
  /** For `emit`; resolves when more may come. */
  emit?: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
}

/**
 * Opens a suitcase in a thread of its own. The session key is copied; the caller wipes its own.
 *
 * @throws DepotError as `open` in pipeline.ts does; the abort reason when `hooks.signal` fires
 */
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
