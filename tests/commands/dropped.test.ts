/** A deposit that is pending at a server which depot.yaml no longer names: every command says the same of it, and one settles it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { partialName, suitcaseName } from '../../src/names/deposit.js';
import { writePending, type PendingRecord, pendingWords } from '../../src/state/pending.js';
import { acknowledged, draftOf } from '../state/samples.js';
import { depotHere } from '../support/in-process.js';
import type { Finished } from '../support/process.js';
import { nowhere, Supplier } from '../support/supplier.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';

const depositId = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';
const here = { account: 'acme@127.0.0.1:1', directory: '/in' };
const old = { account: 'acme@10.20.0.5:22', directory: '/incoming' };
const base = {
  schema: 'depot.pending/1',
  depositId,
  arrangement: 'acme-crm',
  partialName: partialName(depositId),
  finalName: suitcaseName(depositId, 'zstd'),
  createdAt: '2026-11-22T00:30:01Z',
  server: old,
  publish: 'rename',
} as const;
const draft = draftOf(depositId);
const transfer = { ...acknowledged, remoteName: base.finalName };
const records: Record<PendingRecord['stage'], PendingRecord> = {
  intent: { ...base, stage: 'intent' },
  closing: { ...base, stage: 'closing', draft },
  published: { ...base, stage: 'published', draft, transfer, completedAt: '2026-11-22T00:36:13Z' },
  unconfirmed: {
    ...base,
    stage: 'unconfirmed',
    draft,
    transfer: { ...transfer, status: 'unconfirmed' },
    completedAt: '2026-11-22T00:36:13Z',
  },
  sidecars: { ...base, stage: 'sidecars', remainingSidecars: [`${depositId}.receipt.json`] },
};

let supplier: Supplier;
let state: ArrangementState;
beforeEach(async () => {
  supplier = await Supplier.create(nowhere);
  state = await ArrangementState.open(supplier.state, 'acme-crm');
});
const depot = (...args: string[]): Promise<Finished> =>
  depotHere([...args, '--config', supplier.config], { cwd: supplier.directory });
const all = ({ stdout, stderr }: Finished): string => (stdout + stderr).replace(/\s+/g, ' ');

describe.each(Object.values(records).map((record) => [record.stage, record] as const))(
  'a deposit at stage %s',
  (_stage, record) => {
    test.each([
      ['pending where pushes go', here],
      ['pending at an old address', old],
    ])('%s is described alike by status, doctor and receipts list', async (_where, server) => {
      const pending = { ...record, server };
      await writePending(state, pending);
      const words = pendingWords(pending, here).replace(/«([^»]*)»/, '$1');
      if (server === old)
        expect(words).toContain(
          `it was started at acme@10.20.0.5:22, /incoming, where pushes no longer go, so no push settles it: depot receipts note ${depositId} --dropped`,
        );
      for (const args of [['status'], ['doctor'], ['receipts', 'list']])
        expect([args, all(await depot(...args))]).toEqual([args, expect.stringContaining(words)]);
    });
  },
);

describe('receipts note --dropped', () => {
  test.each<[PendingRecord['stage'], RegExp, 'acknowledged' | 'unconfirmed' | null]>([
    [
      'intent',
      /was not deposited; \.acme-crm\S+\.partial may remain at acme@10\.20\.0\.5:22, \/incoming and is not complete: ask the agent to remove it/,
      null,
    ],
    [
      'closing',
      /is possibly deposited at .*its receipt says unconfirmed: ask the agent whether it has acme-crm\S+\.pgp/,
      'unconfirmed',
    ],
    ['published', /is deposited at .*has its receipt now/, 'acknowledged'],
    ['unconfirmed', /is possibly deposited at .*its receipt says unconfirmed/, 'unconfirmed'],
    ['sidecars', /is deposited at .*not delivered there: acme-crm\S+\.receipt\.json/, null],
  ])('settles a deposit at stage %s, and keeps what is known of it', async (stage, words, status) => {
    await writePending(state, records[stage]);
    const dropped = await depot('receipts', 'note', depositId.slice(0, 30), '--dropped');
    expect([dropped.code, all(dropped)]).toEqual([0, expect.stringMatching(words)]);
    expect(supplier.stateFiles('pending')).toEqual([]);
    const receipt = join(supplier.state, 'acme-crm', `${depositId}.receipt.json`);
    expect(existsSync(receipt)).toBe(status !== null);
    if (status !== null)
      expect(JSON.parse(readFileSync(receipt, 'utf8'))).toMatchObject({ depositId, transfer: { status } });
    expect((await depot('receipts', 'verify')).code).toBe(status === null ? 24 : 0);
    const again = await depot('receipts', 'note', depositId, '--dropped');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('nothing is pending of')]);
  });

  test('is refused for a server where pushes still go, since the next push settles the deposit', async () => {
    await writePending(state, { ...records.closing, server: here });
    const refused = await depot('receipts', 'note', depositId, '--dropped');
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(
        /is pending at acme@127\.0\.0\.1:1, \/in, the server that pushes go to: a push settles it[\s\S]*depot push acme-crm/,
      ),
    ]);
    expect(supplier.stateFiles('pending')).toHaveLength(1);
  });
});
