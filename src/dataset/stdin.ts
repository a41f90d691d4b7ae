import { orAborted } from '../abort.js';
import { DepotError } from '../errors.js';
import { codeOrSaid, printable } from '../printable.js';
import type { StdinSource } from '../source.js';
import type { DatasetHooks } from './sources.js';

/**
 * What comes on stdin, until its end. Whoever writes it may never end it, so time and the signal end the waiting.
 *
 * @throws DepotError 'source-failed' without a stdin, 'source-timed-out'; the signal's reason
 */
export async function* readStdin(source: StdinSource, hooks: DatasetHooks): AsyncGenerator<Uint8Array, void> {
  if (hooks.stdin === undefined)
    throw new DepotError('source-failed', `source ${printable(source.name)}: there is no stdin to read`, {
      hint: 'pipe the data into it: … | «depot …»',
    });
  const timeout = new AbortController();
  const timer =
    source.timeoutMs === undefined ? undefined : setTimeout(() => timeout.abort(timedOut(source)), source.timeoutMs);
  const stop = AbortSignal.any([hooks.signal, timeout.signal]);
  const iterator = hooks.stdin[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await orAborted(iterator.next(), stop);
      ended = next.done === true;
      if (ended) return;
      yield next.value as Uint8Array;
    }
  } catch (error) {
    stop.throwIfAborted();
    throw new DepotError(
      'source-failed',
      `source ${printable(source.name)}: stdin could not be read: ${codeOrSaid(error)}`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
    // Not awaited: a generator that waits for input does not return before it comes.
    if (!ended) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function timedOut(source: StdinSource): DepotError {
  return new DepotError(
    'source-timed-out',
    `source ${printable(source.name)}: stdin did not end within ${(source.timeoutMs ?? 0) / 1000} s`,
  );
}
