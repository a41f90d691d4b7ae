import { expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { Canaries, firstEscape } from './escape.js';

test('2,000 archives that try to escape change nothing outside, and inside create what their names say', () => {
  const canaries = new Canaries(tempDir());
  expect(firstEscape(canaries, 1, 2000)).toBeNull();
  // A fuzzer whose archives are all refused at once would find nothing.
  expect(canaries.whole).toBeGreaterThan(200);
});
