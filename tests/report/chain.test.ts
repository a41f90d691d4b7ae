/** The report of deposits that are built on each other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import type { Supplier } from '../support/supplier.js';
import { day, nightly } from './history.js';
import { supplierWith } from './supply.js';

const incremental = { fullEvery: '2d', agentKeeps: '90d' };

/** What the page says in English, as one line. */
async function english(supplier: Supplier): Promise<string> {
  const out = join(tempDir(), 'report.html');
  const result = await supplier.depot(['report', '--out', out]);
  expect(result.code, result.stderr).toBe(0);
  return readFileSync(out, 'utf8')
    .replace(/<(style|pre)>.*?<\/\1>/gs, '')
    .replace(/<span class="nl".*?<\/span>/gs, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');
}

/** As many nights as there are numbers. */
function nights(numbers: readonly number[]) {
  return nightly(numbers.length).map((deposit, i) => ({ ...deposit, number: numbers[i] }));
}

test('a chain is shown with its full deposit, the number of each night, the size of the whole night, and how long it opens', async () => {
  const { supplier, ids } = await supplierWith({ deposits: nights([0, 1, 2]) }, { arrangement: { incremental } });
  const text = await english(supplier);
  expect(text).toMatch(new RegExp(`opens with the full deposit ${ids[0]} \\( age : 56h\\) and 2 increments`));
  expect(text).toMatch(/if no deposit followed, it would open for 87d/);
  expect(text).toMatch(`${ids[2]} increment 2 since ${ids[0]}`);
  expect(text).toMatch(`${ids[0]} full deposit`);
  // The suitcase has 4,813 entries with 18.4 GiB, the night ten times as much.
  expect(text.match(/14813 entries 184\.0 GiB/g)).toHaveLength(3);
  expect(text).not.toContain('4813 entries 18.4 GiB');
});

test('a full deposit that is long due is a reason to look, before the agent may destroy it', async () => {
  const numbers = [0, 1, 2, 3, 4];
  const { supplier } = await supplierWith({ deposits: nights(numbers) }, { arrangement: { incremental } });
  expect(await english(supplier)).toMatch(
    /! needs attention .*all deposits since are built on the full deposit, which is 4d\d+h old, and the agent keeps it for 85d\d+h more/,
  );
});

test('nights are shown as lost when the full deposit was destroyed', async () => {
  const { supplier, ids } = await supplierWith({ deposits: nights([0, 1, 2]) }, { arrangement: { incremental } });
  const today = new Date(Date.now() - day / 24).toISOString().slice(0, 10);
  const noted = await supplier.depot(['receipts', 'note', ids[0], '--destroyed', today]);
  expect(noted.code, noted.stderr).toBe(0);
  const text = await english(supplier);
  expect(text).toMatch(
    new RegExp(`no longer open, since one on which they are built was destroyed : 2, ${ids[1]} – ${ids[2]}`),
  );
  expect(text.match(new RegExp(`no longer opens, since this one was destroyed : ${ids[0]}`, 'g'))).toHaveLength(2);
});

test('without a configuration the chain is told by its receipts alone', async () => {
  const { supplier, ids } = await supplierWith({ deposits: nights([0, 1]) });
  const text = await english(supplier);
  expect(text).toMatch(`opens with the full deposit ${ids[0]}`);
  expect(text).not.toContain('it would open for');
});
