import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { anyDeposit, stockLines } from '../../src/receipt/shell-lines.js';

test.each(['beneficiary.md', 'beneficiary.nl.md'])('%s has the lines of covers, for any deposit', (page) => {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  expect(text).toContain(`\`\`\`sh\n${stockLines(anyDeposit('gzip'))}\n\`\`\`\n`);
});
