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
])('the edit distance of "%s" and "%s" is %i', (a, b, expected) => {
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
])('the key closest to "%s" is %s', (wanted, expected) => {
  expect(closest(wanted, keys)).toBe(expected);
});

test('didYouMean gives the end of a sentence, or nothing', () => {
  expect(didYouMean('prot', keys)).toBe(", did you mean 'port'?");
  expect(didYouMean('something else', keys)).toBe('');
});
