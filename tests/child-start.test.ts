/** A program that the system could not start for want of something that is there again a moment later. */
import type * as childProcess from 'node:child_process';
import { expect, test, vi } from 'vitest';
import { run } from '../src/child.js';

/** Errors of the next starts. */
const failures: string[] = [];
vi.mock('node:child_process', async (original) => {
  const real = await original<typeof childProcess>();
  return {
    ...real,
    spawn: (...args: Parameters<typeof childProcess.spawn>) => {
      const code = failures.shift();
      // As Node does: at once, and not by an event.
      if (code !== undefined) throw Object.assign(new Error(`spawn ${code}`), { code });
      return real.spawn(...args);
    },
  };
});

const hello = [process.execPath, '-e', 'console.log("hello")'];
const options = { code: 'source-failed', env: process.env, stdout: 'keep' } as const;

test('is started again where Windows has an error that Node has no name for', async () => {
  failures.push('UNKNOWN', 'UNKNOWN', 'UNKNOWN');
  const { output } = await run(hello, options);
  expect(output.toString()).toBe('hello\n');
  expect(failures).toEqual([]);
});

test('fails where that stays, and at once where the reason is a known one', async () => {
  failures.push('UNKNOWN', 'UNKNOWN', 'UNKNOWN', 'UNKNOWN');
  await expect(run(hello, options)).rejects.toMatchObject({
    code: 'source-failed',
    message: expect.stringMatching(/could not be started: UNKNOWN$/) as string,
  });
  failures.push('EACCES');
  await expect(run(hello, options)).rejects.toMatchObject({
    message: expect.stringMatching(/could not be started: EACCES$/) as string,
  });
  expect(failures).toEqual([]);
});

test('is not started again once somebody has stopped it', async () => {
  const stop = new AbortController();
  failures.push('UNKNOWN');
  const started = run(hello, { ...options, signal: stop.signal });
  stop.abort(new Error('stopped'));
  await expect(started).rejects.toThrow('stopped');
});
