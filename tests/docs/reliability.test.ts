import { expect, test } from 'vitest';
import { hasTest, namedTests, readPage } from '../support/pages.js';

test('every test that docs/reliability.md names beside its tables of faults exists', () => {
  const named = namedTests(readPage('docs/reliability.md'));
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((one) => !hasTest(one))).toEqual([]);
});
