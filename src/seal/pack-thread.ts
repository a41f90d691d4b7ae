import { parentPort, type MessagePort } from 'node:worker_threads';
import { orAborted } from '../abort.js';
import type { DatasetOptions } from '../dataset/pack.js';
import { errorToRecord } from '../errors.js';
import { packHere, type FromPacking, type ToPacking } from './packing.js';
import { withResult } from './with-result.js';

/**
 * The packing thread: waits, its program loaded, until it is told what to read; then hands over the dataset's tar, chunk by chunk, as far
 * ahead of the sealing thread as the credits go.
 */
async function run(port: MessagePort): Promise<void> {
  const abort = new AbortController();
  const spare: ArrayBuffer[] = [];
  let left = 0;
  let begin!: (options: DatasetOptions) => void;
  const begun = new Promise<DatasetOptions>((resolve) => (begin = resolve));
  let wake: (() => void) | null = null;
  const send = (message: FromPacking, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  port.on('message', (message: ToPacking) => {
    switch (message.kind) {
      case 'begin':
        left = message.credits;
        begin(message.options);
        break;
      case 'credit':
        left++;
        spare.push(message.buffer);
        break;
      case 'abort':
        abort.abort();
        break;
    }
    wake?.();
  });
  try {
    const { chunks } = packHere(
      await orAborted(begun, abort.signal),
      {
        signal: abort.signal,
        warn: (message, weight) => send({ kind: 'warning', message, weight }),
        progress: (progress) => send({ kind: 'progress', progress }),
      },
      spare,
    );
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
