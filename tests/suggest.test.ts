import { expect, test } from 'vitest';

import { closest, didYouMean, editDistance } from '../src/suggest.js';

test.each([
  ['', '', 0],
  ['a', '', 1],
  ['', 'abc', 3],
  ['kitten', 'sitting', 3],
  ['hots', 'host', 1],
  ['ca', 'abc', 3],
  ['same', 'same', 0],
])('distance of %s and %s', (a, b, expected) => {
  expect(editDistance(a, b)).toBe(expected);
  expect(editDistance(b, a)).toBe(expected);
});

const keys = ['host', 'port', 'username', 'directory', 'hostKey', 'retryFor'];
test.each([
  ['hots', 'host'],
  ['Host', 'host'],
  ['hostkey', 'hostKey'],
  ['user-name', 'username'],
  ['direktory', 'directory'],
  ['retry', 'retryFor'],
  ['ho', undefined],
  ['p', undefined],
  ['xyz', undefined],
  ['', undefined],
  ['h'.repeat(1000), undefined],
])('closest to %s', (wanted, expected) => {
  expect(closest(wanted, keys)).toBe(expected);
});

test('a sentence for a message, or nothing', () => {
  expect(didYouMean('prot', keys)).toBe(", did you mean 'port'?");
  expect(didYouMean('something else', keys)).toBe('');
});
