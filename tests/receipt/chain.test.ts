/** Which receipts of a chain are missing: all of them are named, as far as anything names them. */
import { expect, test } from 'vitest';
import { followChain, missingReceipts } from '../../src/receipt/chain.js';
import type { Receipt } from '../../src/receipt/schema.js';

/** Only what the chain needs. */
function night(number: number, { id = `night-${number}`, sha256 = `sha-${number}` } = {}): Receipt {
  const isFull = number === 0;
  const chain = {
    fullDepositId: 'night-0',
    number,
    previousDepositId: isFull ? null : `night-${number - 1}`,
    previousSuitcaseSha256: isFull ? null : `sha-${number - 1}`,
  };
  return { depositId: id, suitcase: { sha256 }, chain } as unknown as Receipt;
}

async function missing(here: readonly Receipt[]): Promise<{ depositIds: string[]; unnamed: number }> {
  const find = (id: string) => Promise.resolve(here.find(({ depositId }) => depositId === id) ?? null);
  return missingReceipts(await followChain(night(6), find), here);
}

const nights = (...numbers: number[]): Receipt[] => numbers.map((number) => night(number));

test.each<[string, Receipt[], string[], number]>([
  ['one', nights(0, 1, 2, 4, 5), ['night-3'], 0],
  ['several, that those beyond the first gap name', nights(0, 2, 4, 5), ['night-3', 'night-1'], 0],
  ['the full deposit, which each names', nights(1, 2, 3, 4, 5), ['night-0'], 0],
  ['all', [], ['night-5', 'night-0'], 4],
  ['two in a row, of which nothing names the lower one', nights(0, 1, 4, 5), ['night-3'], 1],
  ['one that is there with another digest', [...nights(0, 1, 2, 4, 5), night(3, { sha256: 'other' })], ['night-3'], 0],
  [
    'one of two that have its number, of which nothing says which it is',
    [...nights(0, 2, 5), night(2, { id: 'fork', sha256: 'fork' })],
    ['night-4'],
    3,
  ],
])('%s', async (_, here, depositIds, unnamed) => {
  expect(await missing(here)).toEqual({ depositIds, unnamed });
});
