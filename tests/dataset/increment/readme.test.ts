import { expect, test } from 'vitest';
import { incrementReadme } from '../../../src/dataset/increment/readme.js';

test('the lines to type in the README of an increment ask for who made it, in both languages', () => {
  const full = { depositId: 'acme-crm.20260101T000000Z.0000000000000000', bytes: 1, sha256: '0'.repeat(64) };
  const text = incrementReadme({
    arrangement: 'acme-crm',
    depositId: 'acme-crm.20260102T000000Z.0000000000000000',
    hasSpecification: false,
    deposits: [full],
    sources: [],
  });
  const lines = text.match(/`depot decrypt [^`]*`/g);
  expect(lines).toHaveLength(2);
  for (const line of lines!) expect(line).toContain(' --signer ');
});
