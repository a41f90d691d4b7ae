import { Thread, sharedKey } from '../threads.js';
import type { OpenedAll, OpeningAll } from './open-all.js';
import type { OpeningHooks } from './opening.js';

type Hooks = Pick<OpeningHooks, 'signal' | 'warn' | 'progress'>;

/**
 * Opens suitcases in one thread, and does there with all of them what is wanted. The caller closes the files, and wipes
 * the keys. When the signal fires, the thread is ended wherever it is. @throws the signal's reason
 */
export async function openSuitcases(
  { suitcases, night, ...o }: OpeningAll,
  { signal, warn, progress }: Hooks,
): Promise<OpenedAll> {
  signal.throwIfAborted();
  const shared = suitcases.map((suitcase) => ({ ...suitcase, sessionKey: sharedKey(suitcase.sessionKey) }));
  const check = night && { ...night, key: sharedKey(night.key) };
  const thread = new Thread<OpenedAll>(
    { name: 'opening-all', data: { ...o, suitcases: shared, night: check } satisfies OpeningAll, ends: {} },
    {
      said: (said) => {
        if (said.kind === 'warning') warn(said.message);
        else progress(said.bytes);
      },
    },
  );
  const abort = (): void => void thread.terminate();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await thread.result;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    await thread.terminate();
    for (const { sessionKey } of shared) sessionKey.fill(0);
    check?.key.fill(0);
  }
}
