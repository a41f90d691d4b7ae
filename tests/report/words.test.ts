import { expect, test } from 'vitest';
import { exitStatus } from '../../src/errors.js';
import { exitWords } from '../../src/report/words.js';

test('every exit status has words in both languages', () => {
  expect(
    Object.keys(exitWords)
      .map(Number)
      .sort((a, b) => a - b),
  ).toEqual([...new Set([0, ...Object.values(exitStatus)])].sort((a, b) => a - b));
});
