/** A thread that is ended in the middle of its work wipes nothing: whoever started it does. */
import { closeSync, openSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Preamble } from '../../src/pgp/preamble.js';
import { openSuitcase } from '../../src/open/opening.js';
import { startRehearsal } from '../../src/open/rehearsal.js';
import { type SealOptions, startSealing } from '../../src/seal/sealing.js';

const sessionKey = new Uint8Array(32).fill(0x5a);
let made: SharedArrayBuffer[];

/** Those of the shared memories made so far that have the size of a session key. */
const keys = (): number[][] =>
  made.filter(({ byteLength }) => byteLength === 32).map((memory) => [...new Uint8Array(memory)]);
const wiped = [Array(32).fill(0)];

beforeEach(() => {
  made = [];
  vi.stubGlobal(
    'SharedArrayBuffer',
    class extends SharedArrayBuffer {
      constructor(length: number) {
        super(length);
        made.push(this);
      }
    },
  );
});

afterEach(() => {
  vi.unstubAllGlobals();
});

test('the session key is wiped when a rehearsal is stopped', async () => {
  const rehearsal = startRehearsal(sessionKey);
  expect(keys(), 'control: the thread has it').toEqual([[...sessionKey]]);
  await rehearsal.feed(new Uint8Array(1000));
  await rehearsal.stop();
  expect(keys()).toEqual(wiped);
  expect(sessionKey[0], 'the caller wipes its own').toBe(0x5a);
});

test('the session key is wiped when a signal ends an opening', async () => {
  const fd = openSync('/dev/zero', 'r');
  const signal = new AbortController();
  const opening = openSuitcase(
    {
      fd,
      preamble: {} as Preamble,
      consumed: new Uint8Array(),
      sessionKey,
      cipher: null,
      mode: { kind: 'check' },
      maxBytes: null,
      maxWritten: null,
      maxEntries: null,
      wantsSha256: true,
    },
    { signal: signal.signal, warn: () => undefined, progress: () => undefined },
  );
  expect(keys()).toEqual([[...sessionKey]]);
  signal.abort(new Error('interrupted'));
  await expect(opening).rejects.toThrow('interrupted');
  expect(keys()).toEqual(wiped);
  closeSync(fd);
});

test('the session key is wiped when a sealing thread breaks down', async () => {
  const sealing = startSealing(
    { sessionKey, dataset: { arrangement: 'acme-crm' }, compression: 'none' } as SealOptions,
    {
      signal: new AbortController().signal,
      warn: () => undefined,
      progress: () => undefined,
    },
  );
  expect(keys()).toEqual([[...sessionKey]]);
  await expect(sealing.result).rejects.toThrow();
  await sealing.stop();
  expect(keys()).toEqual(wiped);
});
