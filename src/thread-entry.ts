import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Feeder, Taker } from './conveyor.js';
import { errorToRecord } from './errors.js';
import { listenToLog } from './log.js';
import { readAhead } from './open/read-ahead.js';
import { writeBlocks } from './open/write-beside.js';
import type { FromThread, ThreadData, ThreadName, Tools } from './threads.js';

type Program = (data: never, tools: never) => unknown;

/** The program of every thread. Each takes its data and what it uses of `Tools`. */
const programs: Record<ThreadName, () => Program | Promise<Program>> = {
  packing: async () => (await import('./seal/packing.js')).pack,
  sealing: async () => (await import('./seal/seal.js')).seal,
  rehearsal: async () => (await import('./open/rehearse.js')).rehearse,
  opening: async () => (await import('./open/open.js')).open,
  'opening-all': async () => (await import('./open/open-all.js')).openAll,
  reading: () => readAhead,
  writing: () => writeBlocks,
};

/** Runs one program; whether it went well. */
async function run(port: MessagePort, { name, log, data, ends }: ThreadData): Promise<boolean> {
  const from = ends.from && new Taker(ends.from);
  const to = ends.to && new Feeder(ends.to);
  const list = ends.list && new Feeder(ends.list);
  const stop = new AbortController();
  // Listening also keeps the thread alive while it waits for nothing but a conveyor.
  const toStop = (): void => {
    stop.abort();
    from?.giveUp(stop.signal.reason);
    to?.giveUp(stop.signal.reason);
    list?.giveUp(stop.signal.reason);
  };
  port.once('message', toStop);
  const send = (message: FromThread): void => port.postMessage(message);
  const endLog = log == null ? undefined : listenToLog(log, (line) => send({ kind: 'log', line }));
  try {
    const program = await programs[name]();
    const tools = { from, to, list, signal: stop.signal, say: (said) => send({ kind: 'said', said }) } satisfies Tools;
    const result = await program(data as never, tools as never);
    to?.end();
    list?.end();
    send({ kind: 'done', result });
    return true;
  } catch (error) {
    from?.fail(error);
    to?.fail(error);
    list?.fail(error);
    send({ kind: 'failed', error: errorToRecord(error) });
    return false;
  } finally {
    endLog?.();
    port.off('message', toStop);
    for (const open of [ends.from?.port, ends.to?.port, ends.list?.port]) open?.close();
  }
}

/** One program after the other, as long as more is wanted and each went well. */
async function serve(port: MessagePort): Promise<void> {
  let thread = workerData as ThreadData;
  while ((await run(port, thread)) && thread.stays === true) thread = await next(port);
  port.close();
}

/** What it is to do next. A "stop" that comes now was meant for what is done. */
async function next(port: MessagePort): Promise<ThreadData> {
  return new Promise((resolve) => {
    const hear = (message: ThreadData | 'stop'): void => {
      if (message === 'stop') return;
      port.off('message', hear);
      resolve(message);
    };
    port.on('message', hear);
  });
}

// No top-level await: see bin/depot.js.
if (parentPort) void serve(parentPort);
