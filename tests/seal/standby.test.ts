import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { SealOptions } from '../../src/seal/messages.js';
import { startSealing, type Sealing } from '../../src/seal/sealing.js';
import { Standby } from '../../src/seal/standby.js';

/** In place of the sealing thread. */
class FakeThread extends EventEmitter {
  readonly postMessage = vi.fn<(message: { kind: string }) => void>();
  readonly ref = vi.fn();
  readonly unref = vi.fn();
  readonly terminate = vi.fn(() => Promise.resolve(this.emit('exit')));
  get told(): string[] {
    return this.postMessage.mock.calls.map(([message]) => message.kind);
  }
}
const threads = vi.hoisted(() => [] as unknown[]) as FakeThread[];
vi.mock('node:worker_threads', () => ({
  Worker: function () {
    const thread = new FakeThread();
    threads.push(thread);
    return thread;
  },
}));

beforeEach(() => {
  threads.length = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const sealWith = (standby: Standby): Sealing =>
  startSealing(
    { sessionKey: new Uint8Array(32) } as SealOptions,
    { signal: new AbortController().signal, warn: () => undefined, progress: () => undefined },
    standby,
  );

test('it is told nothing before a sealing takes it, and the next sealing has another one', async () => {
  const standby = new Standby();
  expect([threads.length, threads[0].told, threads[0].unref.mock.calls.length]).toEqual([1, [], 1]);
  sealWith(standby);
  expect([threads.length, threads[0].told, threads[0].ref.mock.calls.length]).toEqual([1, ['begin'], 1]);
  sealWith(standby);
  expect(threads.map(({ told }) => told)).toEqual([['begin'], ['begin']]);
  vi.advanceTimersByTime(24 * 3600_000);
  await standby.end();
  expect(
    threads.some(({ terminate }) => terminate.mock.calls.length > 0),
    'those that seal are not its own any more',
  ).toBe(false);
});

test('it is ended when it is not needed, or was not for a minute', async () => {
  const unneeded = new Standby();
  await unneeded.end();
  expect(threads[0].terminate).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);

  const late = new Standby();
  vi.advanceTimersByTime(60_000);
  expect(threads[1].terminate).toHaveBeenCalledOnce();
  sealWith(late);
  expect(threads.map(({ told }) => told)).toEqual([[], [], ['begin']]);
});

test('what breaks while it waits is the error of the sealing, in the same words', async () => {
  const standby = new Standby();
  threads[0].emit('error', new Error('no such file'));
  const early = sealWith(standby);
  threads[1].emit('error', new Error('no such file'));
  await expect(early.result).rejects.toMatchObject({
    code: 'internal',
    message: 'the sealing thread failed: no such file',
  });

  const taken = sealWith(new Standby());
  threads[2].emit('error', new Error('out of memory'));
  await expect(taken.result).rejects.toMatchObject({
    code: 'internal',
    message: 'the sealing thread failed: out of memory',
  });
});
