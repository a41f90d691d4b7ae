import { once } from 'node:events';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { errorToRecord } from '../errors.js';
import type { FromThread, OpenOptions } from './messages.js';
import { open } from './pipeline.js';

/** The opening thread: everything from the suitcase's bytes to files or findings, so that the main thread stays free. */
async function run(port: MessagePort): Promise<void> {
  const options = workerData as OpenOptions;
  const send = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  try {
    const result = await open(options, {
      warn: (message) => send({ kind: 'warning', message }),
      progress: (bytes) => send({ kind: 'progress', bytes }),
      emit: async (bytes) => {
        // Not bytes.slice(): of a Buffer that is a view, and the transfer would take the decoder's memory away from it.
        const own = new Uint8Array(bytes);
        const more = once(port, 'message');
        send({ kind: 'plain', bytes: own }, [own.buffer]);
        await more;
      },
    });
    send({ kind: 'opened', result });
  } catch (error) {
    send({ kind: 'failed', error: errorToRecord(error) });
  } finally {
    options.sessionKey.fill(0);
    port.close();
  }
}

// No top-level await: see bin/depot.js.
if (parentPort) void run(parentPort);
