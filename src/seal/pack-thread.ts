import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { errorToRecord } from '../errors.js';
import { packHere, type FromPacking, type PackingData, type ToPacking } from './packing.js';
import { withResult } from './with-result.js';

/** The packing thread: reads the dataset and hands over its tar, chunk by chunk, as far ahead of the sealing thread as the credits go. */
async function run(port: MessagePort): Promise<void> {
  const { options, credits } = workerData as PackingData;
  const abort = new AbortController();
  const spare: ArrayBuffer[] = [];
  let left = credits;
  let wake: (() => void) | null = null;
  const send = (message: FromPacking, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  port.on('message', (message: ToPacking) => {
    if (message.kind === 'abort') abort.abort();
    else {
      left++;
      spare.push(message.buffer);
    }
    wake?.();
  });
  try {
    const { chunks } = packHere(options, {
      signal: abort.signal,
      warn: (message) => send({ kind: 'warning', message }),
      progress: (progress) => send({ kind: 'progress', progress }),
    }, spare);
    const packed = withResult(chunks);
    for await (const { buffer, length } of packed.stream) {
      send({ kind: 'chunk', buffer, length }, [buffer]);
      for (left--; left === 0; ) {
        abort.signal.throwIfAborted();
        await new Promise<void>((woken) => (wake = woken));
      }
    }
    send({ kind: 'packed', summary: packed.result() });
  } catch (error) {
    send({ kind: 'failed', error: errorToRecord(error) });
  } finally {
    port.close();
  }
}

// No top-level await: see bin/depot.js.
if (parentPort) void run(parentPort);
