import { expect, test } from 'vitest';
import { canary, formsOf, leaks } from './canaries.js';

test('a canary is found in each encoding, at any offset and across line breaks, and nothing else is found', () => {
  const c = canary('a file');
  for (const [form, needle] of formsOf(c))
    expect(leaks([['there', Buffer.concat([Buffer.from('xyz'), needle, Buffer.from('xyz')])]], [c]), form).toEqual(
      expect.arrayContaining([`a file, ${form}, in there`]),
    );
  for (let offset = 0; offset < 7; offset++) {
    const encoded = Buffer.from(
      Buffer.concat([Buffer.alloc(offset, 0x55), c.bytes, Buffer.alloc(5, 0xaa)]).toString('base64'),
    );
    expect(leaks([['base64', encoded]], [c]).length).toBeGreaterThan(0);
  }
  expect(leaks([['elsewhere', canary('another').bytes]], [c])).toEqual([]);
});
