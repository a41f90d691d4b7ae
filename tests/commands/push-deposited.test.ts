/** What can still go wrong once the deposit is made: it stands, and the push says so. */
import { mkdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { deposited, pushTo, pushWith } from './simulated-push.js';

test.each([[['--json']], [[]]])(
  'if the result cannot be written, the push exits with 5 and says that the deposit was made (flags: %j)',
  async (flags) => {
    const full = new Writable({
      write: (_chunk, _encoding, done) => {
        done(Object.assign(new Error('full'), { code: 'ENOSPC' }));
      },
    });
    const { code, stderr } = await pushTo(full, flags);
    expect([code, stderr]).toEqual([
      5,
      expect.stringContaining(
        'depot: error: the result could not be written to standard output: no space left; published as acme-crm_id\ndepot: hint: the deposit was made; to see it: depot receipts show acme-crm_id',
      ),
    ]);
  },
);

test('if nobody reads the result and a signal comes, the push exits with 5 and says that the deposit was made', async () => {
  // Like a full pipe, it never answers the first write.
  const unread = new Writable({
    write: () => {
      setImmediate(() => {
        process.emit('SIGTERM');
      });
    },
  });
  const { code, stderr } = await pushTo(unread, ['--json']);
  expect([code, stderr]).toEqual([
    5,
    expect.stringContaining(
      'depot: error: the result could not be written to standard output: nobody reads it; published as acme-crm_id',
    ),
  ]);
});

test('a lock that cannot be released is only a warning: the deposit stands, and the push exits with 0', async () => {
  const state = tempDir();
  const lock = join(state, 'acme-crm', 'lock');
  const { code, stderr } = await pushWith(state, () => {
    unlinkSync(lock);
    mkdirSync(lock);
  });
  expect([code, stderr, [...deposited]]).toEqual([
    0,
    expect.stringContaining('depot: warning: acme-crm: the lock could not be released: '),
    ['acme-crm'],
  ]);
});
