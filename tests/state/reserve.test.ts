import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPending } from '../../src/state/pending.js';
import { reserveSpace } from '../../src/state/reserve.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';

test('reserved disk space does not show as a record, and is released again', async () => {
  const state = await ArrangementState.open(tempDir(), 'acme-crm');
  const reserve = await reserveSpace(state, 3000);
  const [name] = readdirSync(state.file('pending'));
  expect(statSync(state.file(join('pending', name))).size).toBeGreaterThan(100_000);
  expect(await readPending(state)).toEqual({ records: [], unreadable: [] });
  await reserve.release();
  expect(readdirSync(state.file('pending'))).toEqual([]);
});

test('files of interrupted writes are removed, and nothing else', async () => {
  const state = await ArrangementState.open(tempDir(), 'acme-crm');
  await reserveSpace(state, 3000);
  const kept = ['x.receipt.json', '.lock.0123456789ab.tmp', '.x.tmp', 'x.0123456789ab.tmp'];
  for (const name of [...kept, '.x.receipt.json.0123456789ab.tmp']) writeFileSync(state.file(name), 'x');
  await state.clearTemporary();
  expect(readdirSync(state.directory).sort()).toEqual([...kept, 'pending'].sort());
  expect(readdirSync(state.file('pending'))).toEqual([]);
});
