import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { partialName, suitcaseName } from '../../src/names/deposit.js';
import { writePending } from '../../src/state/pending.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { depot, json } from '../support/cli.js';

test('receipts list --json also has deposits without a receipt, and receipts that cannot be read', async () => {
  const directory = tempDir('depot-list');
  const state = await ArrangementState.open(directory, 'acme-crm');
  const depositId = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';
  await writePending(state, {
    schema: 'depot.pending/1',
    stage: 'intent',
    depositId,
    arrangement: 'acme-crm',
    partialName: partialName(depositId),
    finalName: suitcaseName(depositId, 'gzip'),
    createdAt: '2026-11-22T00:30:00Z',
    server: { account: 'a@h:22', directory: '/in' },
    publish: 'direct',
  });
  const list = (...args: string[]): ReturnType<typeof depot> =>
    depot(['receipts', 'list', '--state', directory, '--json', ...args], { cwd: directory, env: { HOME: directory } });
  const found = await list('--from', '2026-11-21');
  expect([found.code, json(found)]).toMatchObject([
    0,
    { ok: true, deposits: [], unreadable: [], possible: [{ arrangement: 'acme-crm', depositId, stage: 'intent' }] },
  ]);
  expect(json(await list('--from', '2026-11-24'))).toMatchObject({ possible: [] });
  writeFileSync(state.file('acme-crm_20261121T003000Z_5f0c9a1e77b2d411.receipt.json'), '{');
  const broken = await list();
  expect([broken.code, json(broken)]).toMatchObject([
    24,
    { ok: false, unreadable: [{ path: expect.stringContaining('5f0c9a1e77b2d411') }] },
  ]);
});
