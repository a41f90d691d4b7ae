import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { coverBytes } from '../../src/receipt/cover.js';
import { verifyLedger } from '../../src/state/audit.js';
import { Ledger } from '../../src/state/ledger.js';
import { receiptName, signatureName } from '../../src/names/deposit.js';
import { checkDraft, recordReceipt } from '../../src/state/record.js';
import { parseReceipt } from '../../src/receipt/parse.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { acknowledged, deposit, draftOf, fakeCheck, fakeSignature, ledgerOf, markPending } from './samples.js';

const id = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';
const at = '2026-11-22T00:36:13Z';

async function fresh(): Promise<{ state: ArrangementState; ledger: Ledger }> {
  const state = await ArrangementState.open(tempDir(), 'acme-crm');
  return { state, ledger: await Ledger.open(state) };
}

const problems = async (state: ArrangementState) => (await verifyLedger(state, fakeCheck)).problems;

describe('recording a deposit', () => {
  test('writes cover, signature, receipt and ledger line', async () => {
    const { state, ledger } = await fresh();
    const recorded = await deposit(state, ledger, { at, id });
    expect(recorded).toMatchObject({ kind: 'deposit', path: state.file(receiptName(id)) });
    const bytes = await readFile(recorded.path);
    expect(parseReceipt(bytes)).toEqual(recorded.receipt);
    expect(await readFile(state.file(signatureName(id)), 'utf8')).toBe(fakeSignature(bytes));
    expect((await readdir(state.directory)).sort()).toEqual([
      `${id}.cover.md`,
      `${id}.receipt.json`,
      `${id}.receipt.json.asc`,
      'ledger.ndjson',
      'pending',
    ]);
    expect(await problems(state)).toEqual([]);
  });

  test('a second time changes nothing', async () => {
    const { state, ledger } = await fresh();
    const first = await deposit(state, ledger, { at, id });
    expect(await deposit(state, await Ledger.open(state), { at, id })).toEqual(first);
    expect((await Ledger.open(state)).lines).toHaveLength(1);
  });

  test('supersedes an unconfirmed receipt, and keeps that receipt', async () => {
    const { state, ledger } = await fresh();
    const lost = await deposit(state, ledger, { at, id, status: 'unconfirmed' });
    await deposit(state, ledger, { at: '2026-11-23T00:30:00Z' });
    const settled = await deposit(state, await Ledger.open(state), { at, id });
    expect(settled.kind).toBe('superseded');
    expect(settled.receipt.ledger.sequence).toBe(3);
    const reopened = await Ledger.open(state);
    expect(reopened.lines[2]).toMatchObject({
      kind: 'superseded',
      supersedes: lost.sha256,
      receiptSha256: settled.sha256,
    });
    expect((await state.receiptsOf(id)).map((r) => [r.superseded, r.sha256])).toEqual([
      [null, settled.sha256],
      [1, lost.sha256],
    ]);
    expect(await problems(state)).toEqual([]);
    // Once settled, it stays as it is.
    expect(await deposit(state, reopened, { at, id })).toEqual(settled);
  });

  test('fails if the signer fails, and leaves nothing behind', async () => {
    const { state, ledger } = await fresh();
    const draft = draftOf(id);
    const sign = async () => Promise.reject(new Error('no key'));
    await expect(
      recordReceipt({
        state,
        ledger,
        draft,
        transfer: { ...acknowledged, remoteName: draft.suitcase.name },
        completedAt: at,
        cover: coverBytes(draft),
        sign,
      }),
    ).rejects.toThrow('no key');
    expect(await readdir(state.directory)).toEqual(['pending']);
  });

  test('says that the deposit was published if its receipt cannot be written', async () => {
    const { state, ledger } = await fresh();
    await rm(state.directory, { recursive: true });
    await expect(deposit(state, ledger, { at, id })).rejects.toMatchObject({
      code: 'receipt-not-written',
      published: 'yes',
      depositId: id,
      message: expect.stringContaining(state.directory) as string,
    });
    await expect(deposit(state, ledger, { at, id, status: 'unconfirmed' })).rejects.toMatchObject({
      code: 'receipt-not-written',
      published: 'unknown',
    });
  });

  test('fails, without a ledger line, if the receipt on disk claims another place in the ledger', async () => {
    const { state, ledger } = await fresh();
    const other = await ledgerOf(tempDir(), 2);
    const stray = other.receipts[1];
    await writeFile(state.file(receiptName(stray.receipt.depositId)), await readFile(stray.path));
    await expect(
      deposit(state, ledger, { at: stray.receipt.startedAt, id: stray.receipt.depositId }),
    ).rejects.toMatchObject({
      code: 'receipt-not-written',
      cause: expect.objectContaining({ code: 'ledger-broken' }) as unknown,
    });
  });
});

describe('a crash', () => {
  /** Stops the recording before it writes `step`, as a power loss would. */
  const crashAt = async (step: 'ledger' | 'receipt', status: Receipt['transfer']['status'] = 'acknowledged') => {
    const { state, ledger } = await fresh();
    await deposit(state, ledger, { at: '2026-11-21T00:30:00Z' });
    if (step === 'ledger') ledger.append = async () => Promise.reject(new Error('crash'));
    else {
      // The signature is on disk, the receipt is not.
      state.fileReceipt = async (o) => {
        await writeFile(state.file(signatureName(o.depositId)), o.signature);
        throw new Error('crash');
      };
    }
    await markPending(state, id);
    await expect(deposit(state, ledger, { at, id, status })).rejects.toThrow('crash');
    const after = await ArrangementState.open(state.stateDirectory, 'acme-crm');
    return { state: after, ledger: await Ledger.open(after) };
  };

  test('between receipt and ledger line is repaired by the next attempt, with the same receipt', async () => {
    const { state, ledger } = await crashAt('ledger');
    const before = await readFile(state.file(receiptName(id)));
    const recorded = await deposit(state, ledger, { at, id });
    expect(recorded.kind).toBe('deposit');
    expect(await readFile(recorded.path)).toEqual(before);
    expect((await Ledger.open(state)).lines.map((l) => l.kind)).toEqual(['deposit', 'deposit']);
    expect(await problems(state)).toEqual([]);
  });

  test('between an unconfirmed receipt and its ledger line keeps that receipt', async () => {
    const { state, ledger } = await crashAt('ledger', 'unconfirmed');
    const recorded = await deposit(state, ledger, { at, id });
    expect(recorded.kind).toBe('superseded');
    expect((await Ledger.open(state)).lines.map((l) => l.kind)).toEqual(['deposit', 'deposit', 'superseded']);
    expect(await problems(state)).toEqual([]);
  });

  test('between signature and receipt is repaired by the next attempt', async () => {
    const { state, ledger } = await crashAt('receipt');
    await deposit(state, ledger, { at, id });
    expect(await problems(state)).toEqual([]);
  });

  test('while a receipt is superseded loses no receipt that the ledger knows, nor its signature', async () => {
    const { state, ledger } = await fresh();
    const lost = await deposit(state, ledger, { at, id, status: 'unconfirmed' });
    await markPending(state, id);
    const filing = state.fileReceipt.bind(state);
    const settledReceipt = await readFile(state.file(receiptName(id)));
    state.fileReceipt = async (o) => {
      await filing(o);
      // The new signature is there, the new receipt is not.
      await writeFile(state.file(receiptName(id)), settledReceipt);
      throw new Error('crash');
    };
    await expect(deposit(state, ledger, { at, id })).rejects.toThrow('crash');
    const after = await ArrangementState.open(state.stateDirectory, 'acme-crm');
    const settled = await deposit(after, await Ledger.open(after), { at, id });
    expect((await after.receiptsOf(id)).map((r) => [r.superseded, r.sha256])).toEqual([
      [null, settled.sha256],
      [1, lost.sha256],
    ]);
    expect(await problems(after)).toEqual([]);
  });
});

test('a draft that cannot become a receipt is refused before the upload', () => {
  expect(() => checkDraft(draftOf(id))).not.toThrow();
  expect(() => checkDraft(draftOf(id, { supplier: { name: '', signerFingerprint: 'A'.repeat(40) } }))).toThrow(
    expect.objectContaining({ code: 'internal', message: expect.stringContaining('supplier.name') as string }),
  );
});
