import { expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { Canaries, firstEscape } from './escape.js';

// Other seeds than those of every run.
test('100,000 archives that try to escape change nothing outside', () => {
  expect(firstEscape(new Canaries(tempDir()), 1_000_000, 100_000)).toBeNull();
}, 1_800_000);
