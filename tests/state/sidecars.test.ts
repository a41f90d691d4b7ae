import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { isOutbound, markCoverBytes } from '../../src/outbound.js';
import { coverBytes } from '../../src/receipt/cover.js';
import { sidecarNames } from '../../src/names/deposit.js';
import { Ledger } from '../../src/state/ledger.js';
import { recordReceipt } from '../../src/state/record.js';
import { readSidecarBytes } from '../../src/state/sidecars.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { acknowledged, draftOf, fakeSignature } from './samples.js';

async function filed(words = coverBytes) {
  const state = await ArrangementState.open(tempDir(), 'acme-crm');
  const plain = draftOf();
  const cover = words(plain);
  const draft = {
    ...plain,
    cover: { ...plain.cover, bytes: cover.length, sha256: createHash('sha256').update(cover).digest('hex') },
  };
  await recordReceipt({
    state,
    ledger: await Ledger.open(state),
    draft,
    transfer: { ...acknowledged, remoteName: draft.suitcase.name },
    completedAt: '2026-11-22T00:36:13Z',
    cover,
    sign: async (bytes) => fakeSignature(bytes),
  });
  return { state, names: sidecarNames(draft.depositId) };
}

test('sidecars read from disk are what was written, and may be uploaded', async () => {
  const { state, names } = await filed();
  for (const name of names) {
    const bytes = await readSidecarBytes(state, name);
    expect(isOutbound(bytes!)).toBe(true);
    expect(Buffer.from(bytes!)).toEqual(await readFile(state.file(name)));
  }
});

test('a lost or damaged cover is made again, but only if that gives the same bytes', async () => {
  const {
    state,
    names: [cover, , receipt],
  } = await filed();
  const original = await readFile(state.file(cover));
  await writeFile(state.file(cover), 'something secret');
  expect(Buffer.from((await readSidecarBytes(state, cover))!)).toEqual(original);
  await rm(state.file(cover));
  expect(Buffer.from((await readSidecarBytes(state, cover))!)).toEqual(original);

  const text = await readFile(state.file(receipt), 'utf8');
  await writeFile(
    state.file(receipt),
    text.replace(/("cover": \{[^}]*"sha256": ")[0-9a-f]{64}/, `$1${'0'.repeat(64)}`),
  );
  expect(await readSidecarBytes(state, cover)).toBeNull();
  await writeFile(state.file(cover), 'something secret');
  await expect(readSidecarBytes(state, cover)).rejects.toMatchObject({
    code: 'local-unreadable',
    message: expect.stringContaining(cover) as string,
  });
});

test('a cover that another version of depot wrote is uploaded unchanged', async () => {
  const {
    state,
    names: [cover],
  } = await filed((facts) => markCoverBytes(Buffer.from(`# Other words for ${facts.depositId}\n`)));
  const original = await readFile(state.file(cover));
  expect(original.toString()).toContain('Other words');
  expect(Buffer.from((await readSidecarBytes(state, cover))!)).toEqual(original);
});

test('nothing else is uploaded under the name of a sidecar', async () => {
  const {
    state,
    names: [, signature, receipt],
  } = await filed();
  await writeFile(state.file(signature), '-----BEGIN PGP PRIVATE KEY BLOCK-----\n');
  await expect(readSidecarBytes(state, signature)).rejects.toMatchObject({ code: 'verification-failed' });
  await rm(state.file(signature));
  expect(await readSidecarBytes(state, signature)).toBeNull();
  await writeFile(state.file(receipt), '{}');
  await expect(readSidecarBytes(state, receipt)).rejects.toMatchObject({ code: 'verification-failed' });
  await rm(state.file(receipt));
  expect(await readSidecarBytes(state, receipt)).toBeNull();
});
