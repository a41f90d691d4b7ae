import { EventEmitter } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { Feeder } from '../../src/conveyor.js';
import { startSealing, type SealOptions, type Sealing } from '../../src/seal/sealing.js';
import type { FromThread, ThreadData } from '../../src/threads.js';

/** Stands in for a thread, and sends what a test tells it to send. */
class FakeThread extends EventEmitter {
  readonly postMessage = vi.fn();
  readonly to: Feeder;
  constructor(readonly data: ThreadData) {
    super();
    this.to = new Feeder(data.ends.to!);
  }
  say(message: FromThread): void {
    this.emit('message', message);
  }
}
const threads = vi.hoisted(() => new Map<string, unknown>()) as Map<string, FakeThread>;
vi.mock('node:worker_threads', async (original) => ({
  ...(await original<object>()),
  Worker: function (_: URL, { workerData }: { workerData: ThreadData }) {
    const thread = new FakeThread(workerData);
    threads.set(workerData.name, thread);
    return thread;
  },
}));

afterEach(() => {
  for (const { data } of threads.values()) data.ends.to!.port.close();
  threads.clear();
});

function start(o: { signal?: AbortSignal; warn?: () => void; patienceMs?: number } = {}): Sealing {
  return startSealing(
    { sessionKey: new Uint8Array(32), compression: 'none', dataset: { arrangement: 'acme-crm' } } as SealOptions,
    { signal: o.signal ?? new AbortController().signal, warn: o.warn ?? vi.fn(), progress: () => undefined },
    o.patienceMs,
  );
}

function sealing(bytes: number, said: number): Sealing {
  const started = start();
  const [packing, sealing] = ['packing', 'sealing'].map((name) => threads.get(name)!);
  sealing.to.pass(new Uint8Array(bytes));
  sealing.to.end();
  packing.say({ kind: 'done', result: {} });
  sealing.say({ kind: 'done', result: { bytes: said } });
  return started;
}

async function bytesOf(blocks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const block of blocks) bytes += block.length;
  return bytes;
}

test('a block lost between the threads is an error, not a shorter suitcase with a matching digest', async () => {
  const whole = sealing(1000, 1000);
  expect(await bytesOf(whole.blocks)).toBe(1000);
  expect(await whole.result).toMatchObject({
    bytes: 1000,
    sha256: '541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53',
  });

  const short = sealing(1000, 2000);
  await expect(bytesOf(short.blocks)).rejects.toMatchObject({
    code: 'internal',
    message: '1000 bytes of the suitcase arrived, but 2000 were sealed',
  });
  await expect(short.result).rejects.toMatchObject({ code: 'internal' });
});

// For example one that reads from a network share that does not answer.
test('after a signal, a thread that does not end is left behind with a warning', async () => {
  const stop = new AbortController();
  const warn = vi.fn();
  const started = start({ signal: stop.signal, warn, patienceMs: 20 });
  const reading = bytesOf(started.blocks);
  stop.abort(new Error('terminated'));
  await expect(reading).rejects.toThrow('terminated');
  await started.stop();
  expect(warn).toHaveBeenCalledWith(expect.stringContaining('does not end'));
});

test('after a signal, a thread that ends is waited for, without a warning', async () => {
  const stop = new AbortController();
  const warn = vi.fn();
  const started = start({ signal: stop.signal, warn, patienceMs: 60_000 });
  stop.abort(new Error('terminated'));
  const stopped = started.stop();
  for (const thread of threads.values()) thread.emit('exit');
  await stopped;
  expect(warn).not.toHaveBeenCalled();
  await expect(started.result).rejects.toThrow('terminated');
});

test.each([
  ['packing', Object.assign(new Error('EMFILE'), { code: 'ERR_WORKER_INIT_FAILED' }), 'local-limit'],
  ['sealing', Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' }), 'local-limit'],
  ['packing', new TypeError('boom'), 'internal'],
  ['sealing', new TypeError('boom'), 'internal'],
])('if the %s thread dies with %s, the error is %s, and both threads are asked to stop', async (name, error, code) => {
  const started = start();
  const reading = bytesOf(started.blocks);
  threads.get(name)!.emit('error', error);
  await expect(started.result).rejects.toMatchObject({ code });
  await expect(reading).rejects.toMatchObject({ code });
  for (const thread of threads.values()) expect(thread.postMessage).toHaveBeenCalledWith('stop');
});

test('a thread that ends without reporting a result is an error', async () => {
  const started = start();
  threads.get('packing')!.emit('exit');
  await expect(started.result).rejects.toMatchObject({
    code: 'internal',
    message: 'the packing thread stopped before it had finished',
  });
});
