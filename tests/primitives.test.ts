import { expect, test } from 'vitest';
import { discard, uninitialized } from '../src/primitives.js';

test('discard leaves memory alone that a Buffer shares with others', () => {
  const before = Buffer.from('before');
  const discarded = Buffer.from('discarded');
  expect(discarded.buffer.byteLength).toBeGreaterThan(discarded.length);
  discard(discarded);
  expect([before.toString(), discarded.toString(), Buffer.from('after').toString()]).toEqual([
    'before',
    'discarded',
    'after',
  ]);
});

test.each([100_000, 1 << 20])('discard frees memory of %i bytes that is not shared, if the runtime can', (length) => {
  const bytes = uninitialized(length);
  discard(bytes);
  expect(bytes.length).toBe('transfer' in ArrayBuffer.prototype ? 0 : length);
});
