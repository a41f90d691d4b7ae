import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { errorToRecord } from '../errors.js';
import type { FromRehearsal, RehearsalData, ToRehearsal } from './rehearsal.js';
import { rehearse } from './rehearse.js';

/** The rehearsal's thread: reads the blocks of a suitcase as if they were a file, and goes to sleep where the next is not there yet. */
async function run(port: MessagePort): Promise<void> {
  const { sessionKey, posted } = workerData as RehearsalData;
  const send = (message: FromRehearsal, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  let read: ArrayBuffer | null = null;
  const next = (): Uint8Array | null => {
    if (read !== null) send({ kind: 'read', buffer: read }, [read]);
    read = null;
    const message = receive(port, posted);
    if (message.kind === 'end') return null;
    read = message.buffer;
    return new Uint8Array(message.buffer, 0, message.length);
  };
  try {
    send({ kind: 'rehearsed', result: await rehearse(sessionKey, next) });
  } catch (error) {
    send({ kind: 'failed', error: errorToRecord(error) });
  } finally {
    sessionKey.fill(0);
    port.close();
  }
}

function receive(port: MessagePort, posted: Int32Array): ToRehearsal {
  for (;;) {
    const seen = Atomics.load(posted, 0);
    const received = receiveMessageOnPort(port) as { message: ToRehearsal } | undefined;
    if (received !== undefined) return received.message;
    Atomics.wait(posted, 0, seen);
  }
}

if (parentPort) void run(parentPort);
