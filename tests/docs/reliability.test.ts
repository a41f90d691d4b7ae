import { expect, test } from 'vitest';
import { hasTest, namedTests, readPage } from '../support/pages.js';

test('every test that the page names beside its tables of faults is there', () => {
  const named = namedTests(readPage('docs/reliability.md'));
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((one) => !hasTest(one))).toEqual([]);
});
