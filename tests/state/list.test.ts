import { rm, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { receiptName } from '../../src/names/deposit.js';
import { findReceipt, lastDeposit, listReceipts, newestDeposit } from '../../src/state/list.js';
import { appendRun, type RunRecord } from '../../src/state/runs.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { deposit, ledgerOf } from './samples.js';

let state: ArrangementState;
let ids: string[];
beforeAll(async () => {
  const made = await ledgerOf(tempDir(), 3);
  state = made.state;
  ids = made.receipts.map((r) => r.receipt.depositId);
  const lost = await deposit(state, made.ledger, { at: '2026-11-04T00:30:00Z', status: 'unconfirmed' });
  await deposit(state, made.ledger, { at: '2026-11-04T00:30:00Z', id: lost.receipt.depositId });
  ids.push(lost.receipt.depositId);
});

describe('listing receipts', () => {
  test('returns the valid ones, oldest first', async () => {
    const { receipts } = await listReceipts(state);
    expect(receipts.map(({ depositId }) => depositId)).toEqual(ids);
    expect(receipts[3].receipt.transfer.status).toBe('acknowledged');
  });

  test('lists files that are not receipts separately', async () => {
    const file = state.file(receiptName('acme-crm_20261122T003000Z_5f0c9a1e77b2d410'));
    await writeFile(file, '{}');
    const { receipts, unreadable } = await listReceipts(state);
    await rm(file);
    expect(receipts).toHaveLength(4);
    expect(unreadable).toEqual([{ path: file, reason: expect.stringContaining('its schema is not') as string }]);
  });

  test('returns nothing for an arrangement without state', async () => {
    expect(await listReceipts(new ArrangementState(tempDir(), 'none'))).toEqual({ receipts: [], unreadable: [] });
  });
});

test('the newest deposit is the last one that the agent acknowledged and whose receipt can be read', async () => {
  expect((await newestDeposit(state))?.depositId).toBe(ids[3]);
  const { state: other, ledger, receipts } = await ledgerOf(tempDir(), 1);
  await deposit(other, ledger, { at: '2026-11-02T00:30:00Z', status: 'unconfirmed' });
  await writeFile(other.file(receiptName('acme-crm_20261122T003000Z_5f0c9a1e77b2d410')), '{}');
  expect((await newestDeposit(other))?.depositId).toBe(receipts[0].receipt.depositId);
  expect(await newestDeposit(new ArrangementState(tempDir(), 'none'))).toBeNull();
});

test("deposits that began and ended within one second are in the ledger's order", async () => {
  const { state: own, ledger } = await ledgerOf(tempDir(), 0);
  const order = ['c', 'a', 'e', 'b'].map((digit) => `acme-crm_20261101T003000Z_${digit.repeat(16)}`);
  for (const id of order) await deposit(own, ledger, { at: '2026-11-01T00:30:00Z', id });
  expect((await listReceipts(own)).receipts.map((r) => r.depositId)).toEqual(order);
  expect((await newestDeposit(own))?.depositId).toBe(order[3]);
});

test('the last deposit is found without its run record, and without its receipt', async () => {
  const { state: own, receipts } = await ledgerOf(tempDir(), 2);
  const [{ receipt }] = receipts.slice(-1);
  expect(await lastDeposit(own)).toEqual({
    depositId: receipt.depositId,
    finishedAt: receipt.completedAt,
    bytes: receipt.suitcase.bytes,
    seconds: (Date.parse(receipt.completedAt) - Date.parse(receipt.startedAt)) / 1000,
    rehearsed: false,
    dataset: { entries: 4813, bytes: 19_756_849_561 },
    shrunkFrom: null,
  });
  const run: RunRecord = {
    schema: 'depot.run/1',
    arrangement: 'acme-crm',
    startedAt: '2026-11-22T00:30:00Z',
    finishedAt: '2026-11-22T00:36:00Z',
    exit: 30,
    code: 'receipt-not-written',
    message: 'disk full',
    published: 'yes',
    depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410',
    bytes: 5,
    seconds: 1,
    lanes: 1,
    attempts: 1,
    reconnects: 0,
    host: 'db1',
  };
  await appendRun(own, run);
  expect(await lastDeposit(own)).toEqual({
    depositId: run.depositId,
    finishedAt: run.finishedAt,
    bytes: 5,
    seconds: 1,
    rehearsed: null,
    dataset: null,
    shrunkFrom: null,
  });
  await appendRun(own, { ...run, finishedAt: '2026-11-23T00:36:00Z', published: 'unknown' });
  expect((await lastDeposit(own))?.finishedAt).toBe(run.finishedAt);
});

test('a deposit dated in the future is the last one until the ledger has another after it', async () => {
  const { state: own, ledger } = await ledgerOf(tempDir(), 1);
  const ahead = await deposit(own, ledger, { at: '2031-01-01T00:30:00Z' });
  expect((await lastDeposit(own))?.depositId).toBe(ahead.receipt.depositId);
  const next = await deposit(own, ledger, { at: '2026-11-03T00:30:00Z' });
  expect((await lastDeposit(own))?.depositId).toBe(next.receipt.depositId);
  const run: RunRecord = {
    schema: 'depot.run/1',
    arrangement: 'acme-crm',
    startedAt: '2031-01-01T00:30:00Z',
    finishedAt: '2031-01-01T00:36:00Z',
    exit: 0,
    code: null,
    message: null,
    published: 'yes',
    depositId: ahead.receipt.depositId,
    bytes: 5,
    seconds: 1,
    lanes: 1,
    attempts: 1,
    reconnects: 0,
    host: 'db1',
  };
  await appendRun(own, run);
  expect((await lastDeposit(own))?.depositId).toBe(next.receipt.depositId);
  // Without the ledger, the receipts themselves know their order.
  await rm(own.file('ledger.ndjson'));
  expect((await newestDeposit(own))?.depositId).toBe(next.receipt.depositId);
});

describe('finding a receipt', () => {
  test('accepts an id or the beginning of one', async () => {
    expect((await findReceipt(state, ids[1])).depositId).toBe(ids[1]);
    expect((await findReceipt(state, 'acme-crm_20261103')).depositId).toBe(ids[2]);
    expect((await findReceipt(state, ids[3])).receipt.transfer.status).toBe('acknowledged');
  });

  test.each([
    ['acme-crm_2027', /no receipt of/],
    ['acme-crm_2026', /more than one receipt begins with/],
  ])('does not guess at %j', async (start, message) => {
    await expect(findReceipt(state, start)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message) as string,
      hint: 'list them: «depot receipts list acme-crm»',
    });
  });
});
