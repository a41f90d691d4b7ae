/** Threads that wait for more work, between the deposits of a push of many. */
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { keepThreads, Thread, type ThreadName } from '../src/threads.js';

/** Stands in for a thread; a test says when it is done, or dies. */
class FakeWorker extends EventEmitter {
  /** Whether the process waits for it. */
  isHeld = true;
  readonly postMessage = vi.fn();
  readonly terminate = vi.fn(async () => this.emit('exit'));
  ref(): void {
    this.isHeld = true;
  }
  unref(): void {
    this.isHeld = false;
  }
}
const workers = vi.hoisted(() => [] as unknown[]) as FakeWorker[];
vi.mock('node:worker_threads', async (original) => ({
  ...(await original<object>()),
  Worker: function () {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker;
  },
}));

let end: () => Promise<void>;
afterEach(async () => {
  await end();
  workers.length = 0;
});

function begin(name: ThreadName = 'packing'): Thread<string> {
  return new Thread<string>({ name, data: null, ends: {} });
}

async function doneBy(worker: FakeWorker, thread: Thread<string>, result: string): Promise<void> {
  worker.emit('message', { kind: 'done', result });
  expect(await thread.result).toBe(result);
  await thread.gone;
}

/** Has a thread that did a first piece of work, and waits for more. */
async function doFirst(): Promise<void> {
  const first = begin();
  await doneBy(workers[0], first, 'first');
}

describe('while threads are kept,', () => {
  test('one that is done has the next work, and a process waits for it only while it works', async () => {
    end = keepThreads();
    const first = begin();
    const [worker] = workers;
    expect(worker.isHeld).toBe(true);
    await doneBy(worker, first, 'first');
    expect(worker.isHeld).toBe(false);

    const second = begin();
    expect([workers.length, worker.isHeld, worker.postMessage.mock.calls.length]).toEqual([1, true, 1]);
    await doneBy(worker, second, 'second');
    expect(worker.isHeld).toBe(false);
  });

  test('each does one thing at a time, and only what it did before', async () => {
    end = keepThreads();
    const [a, b] = [begin(), begin()];
    await doneBy(workers[0], a, 'a');
    const other = begin('sealing');
    const again = begin();
    expect(workers.map(({ postMessage }) => postMessage.mock.calls.length)).toEqual([1, 0, 0]);
    await doneBy(workers[1], b, 'b');
    await doneBy(workers[2], other, 'other');
    await doneBy(workers[0], again, 'again');
  });

  test.each([
    ['ends', (worker: FakeWorker) => worker.emit('exit', 1)],
    ['fails', (worker: FakeWorker) => worker.emit('error', new Error('out of memory'))],
  ])('one that %s while it waits is replaced', async (_, dies) => {
    end = keepThreads();
    await doFirst();
    dies(workers[0]);
    const second = begin();
    expect([workers.length, workers[0].postMessage.mock.calls.length]).toEqual([2, 0]);
    await doneBy(workers[1], second, 'second');
  });

  test('one that dies at its second work fails that, and is replaced', async () => {
    end = keepThreads();
    await doFirst();
    const second = begin();
    workers[0].emit('exit', 1);
    await expect(second.result).rejects.toMatchObject({ code: 'internal' });
    const third = begin();
    expect(workers).toHaveLength(2);
    await doneBy(workers[1], third, 'third');
  });
});

test('when nobody wants them any more, those that wait are ended, and those at work when they are done', async () => {
  const ends = [keepThreads(), keepThreads()];
  end = ends[1];
  await doFirst();
  const [again, beside] = [begin(), begin()];
  await doneBy(workers[1], beside, 'beside');
  await ends[0]();
  expect(workers[1].terminate).not.toHaveBeenCalled();
  await ends[1]();
  expect(workers.map(({ terminate }) => terminate.mock.calls.length)).toEqual([0, 1]);
  await doneBy(workers[0], again, 'again');
  expect(workers[0].terminate).toHaveBeenCalledOnce();
  end = () => Promise.resolve();
});
