import { Worker } from 'node:worker_threads';
import { DepotError, errorFromRecord, threadFailed } from '../errors.js';
import { sharedKey } from '../shared-key.js';
import type { FromThread, OpenOptions, OpenResult, ToThread } from './messages.js';

export interface OpeningHooks {
  /** When it fires, the thread is ended wherever it is: the caller removes what was written. */
  signal: AbortSignal;
  warn(message: string): void;
  progress(bytes: number): void;
  /** For `emit`; resolves when more may come. */
  emit?(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/**
 * Opens a suitcase in a thread of its own. The session key is copied; the caller wipes its own.
 *
 * @throws DepotError as `open` in pipeline.ts does; the abort reason when `hooks.signal` fires
 */
export async function openSuitcase(options: OpenOptions, hooks: OpeningHooks): Promise<OpenResult> {
  hooks.signal.throwIfAborted();
  const fromSource = import.meta.url.endsWith('.ts');
  const entry = new URL(fromSource ? './thread.ts' : './thread.js', import.meta.url);
  const shared = sharedKey(options.sessionKey);
  const worker = new Worker(entry, {
    workerData: { ...options, sessionKey: shared } satisfies OpenOptions,
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
    ...(fromSource && { execArgv: ['--import', 'tsx'] }),
  });
  const abort = (): void => void worker.terminate();
  hooks.signal.addEventListener('abort', abort, { once: true });
  try {
    return await new Promise<OpenResult>((resolve, reject) => {
      worker.on('message', (message: FromThread) => {
        switch (message.kind) {
          case 'plain':
            Promise.resolve(hooks.emit?.(message.bytes)).then(
              () => worker.postMessage({ kind: 'more' } satisfies ToThread),
              reject,
            );
            break;
          case 'progress':
            hooks.progress(message.bytes);
            break;
          case 'warning':
            hooks.warn(message.message);
            break;
          case 'opened':
            resolve(message.result);
            break;
          case 'failed':
            reject(errorFromRecord(message.error));
            break;
        }
      });
      worker.once('error', (error) => reject(threadFailed('opening', error)));
      worker.once('exit', () =>
        reject(
          (hooks.signal.reason as Error | undefined) ??
            new DepotError('internal', 'the opening thread ended before it was done'),
        ),
      );
    });
  } catch (error) {
    // The end of the thread may come first, or what breaks in it on the way.
    hooks.signal.throwIfAborted();
    throw error;
  } finally {
    hooks.signal.removeEventListener('abort', abort);
    // It is not asked to end, and may be anywhere: what it had of the key is ours.
    await worker.terminate();
    shared.fill(0);
  }
}
