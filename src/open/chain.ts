import type { Assembled } from '../dataset/assemble/assemble.js';
import { Thread, sharedKey, type ThreadName } from '../threads.js';
import type { AssemblingData } from './assemble.js';
import type { OpenedAll, OpeningAll } from './open-all.js';
import type { OpeningHooks } from './opening.js';
import type { Peeked, PeekOptions } from './peek.js';

type Hooks = Pick<OpeningHooks, 'signal' | 'warn' | 'progress'>;

/** What the beginnings of suitcases say, in their order; the caller closes the files and wipes the session keys. */
export async function peekInto(suitcases: readonly PeekOptions[], hooks: Hooks): Promise<Peeked[]> {
  const data = suitcases.map((suitcase) => ({ ...suitcase, sessionKey: sharedKey(suitcase.sessionKey) }));
  try {
    return await inThread<Peeked[]>('peeking', data, hooks);
  } finally {
    for (const { sessionKey } of data) sessionKey.fill(0);
  }
}

/** Opens suitcases in one thread; the caller closes the files, and wipes the keys. */
export async function openSuitcases({ suitcases, night, ...o }: OpeningAll, hooks: Hooks): Promise<OpenedAll> {
  const shared = suitcases.map((suitcase) => ({ ...suitcase, sessionKey: sharedKey(suitcase.sessionKey) }));
  const check = night && { ...night, key: sharedKey(night.key) };
  try {
    return await inThread<OpenedAll>('opening-all', { ...o, suitcases: shared, night: check }, hooks);
  } finally {
    for (const { sessionKey } of shared) sessionKey.fill(0);
    check?.key.fill(0);
  }
}

/** Puts the dataset together, see `src/dataset/assemble/assemble.ts`. @throws as that; the signal's reason */
export function assembleChain(data: AssemblingData, hooks: Hooks): Promise<Assembled> {
  return inThread<Assembled>('assembling', data, hooks);
}

/** When the signal fires, the thread is ended wherever it is. */
async function inThread<R>(name: ThreadName, data: unknown, { signal, warn, progress }: Hooks): Promise<R> {
  signal.throwIfAborted();
  const thread = new Thread<R>(
    { name, data, ends: {} },
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
  }
}
