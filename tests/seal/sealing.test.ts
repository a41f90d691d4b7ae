import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import type { FromThread, SealOptions, SealResult } from '../../src/seal/messages.js';
import { startSealing } from '../../src/seal/sealing.js';

/** In place of the sealing thread: says what a test tells it to say. */
class FakeThread extends EventEmitter {
  readonly postMessage = vi.fn();
}
const threads = vi.hoisted(() => [] as unknown[]);
vi.mock('node:worker_threads', () => ({
  Worker: function () {
    const thread = new FakeThread();
    threads.push(thread);
    return thread;
  },
}));

function sealing(octets: number, said: number) {
  const started = startSealing({ sessionKey: new Uint8Array(32) } as SealOptions, {
    signal: new AbortController().signal,
    warn: () => undefined,
    progress: () => undefined,
  });
  const thread = threads.pop() as FakeThread;
  const say = (message: FromThread): boolean => thread.emit('message', message);
  say({ kind: 'block', buffer: new ArrayBuffer(octets), length: octets });
  say({ kind: 'sealed', result: { bytes: said } as SealResult });
  return started;
}

async function octetsOf(blocks: AsyncIterable<Uint8Array>): Promise<number> {
  let octets = 0;
  for await (const block of blocks) octets += block.length;
  return octets;
}

test('a block that got lost between the threads is an error, and no shorter suitcase with a digest that fits it', async () => {
  const whole = sealing(1000, 1000);
  expect(await octetsOf(whole.blocks)).toBe(1000);
  expect(await whole.result).toMatchObject({
    bytes: 1000,
    sha256: '541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53',
  });

  const short = sealing(1000, 2000);
  await expect(octetsOf(short.blocks)).rejects.toMatchObject({
    code: 'internal',
    message: '1000 octets of the suitcase arrived, but 2000 were sealed',
  });
  await expect(short.result).rejects.toMatchObject({ code: 'internal' });
});

test('a thread that does not end, as one that reads a share that gives nothing, is left to itself some time after a signal', async () => {
  const stop = new AbortController();
  const warn = vi.fn();
  const started = startSealing(
    { sessionKey: new Uint8Array(32) } as SealOptions,
    { signal: stop.signal, warn, progress: () => undefined },
    undefined,
    20,
  );
  threads.pop();
  const reading = octetsOf(started.blocks);
  stop.abort(new Error('terminated'));
  await expect(reading).rejects.toThrow('terminated');
  await started.stop();
  expect(warn).toHaveBeenCalledWith(expect.stringContaining('does not end'));
});

test('a thread that ends after a signal is waited for, and nothing is said', async () => {
  const stop = new AbortController();
  const warn = vi.fn();
  const started = startSealing(
    { sessionKey: new Uint8Array(32) } as SealOptions,
    { signal: stop.signal, warn, progress: () => undefined },
    undefined,
    60_000,
  );
  const thread = threads.pop() as FakeThread;
  stop.abort(new Error('terminated'));
  const stopped = started.stop();
  thread.emit('exit');
  await stopped;
  expect(warn).not.toHaveBeenCalled();
});

test.each([
  [Object.assign(new Error('EMFILE'), { code: 'ERR_WORKER_INIT_FAILED' }), 'local-limit'],
  [Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' }), 'local-limit'],
  [new TypeError('boom'), 'internal'],
])('a thread that ends with %s is %s', async (error, code) => {
  const started = startSealing({ sessionKey: new Uint8Array(32) } as SealOptions, {
    signal: new AbortController().signal,
    warn: () => undefined,
    progress: () => undefined,
  });
  (threads.pop() as FakeThread).emit('error', error);
  await expect(started.result).rejects.toMatchObject({ code });
});
