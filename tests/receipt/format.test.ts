import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { receiptBytes } from '../../src/receipt/canonical.js';
import { commitmentOf, openingOf } from '../../src/receipt/proof.js';
import { Ledger, readLedger } from '../../src/state/ledger.js';
import { tempDir } from '../support/cleanup.js';
import { ledgerOf, receiptOf } from '../state/samples.js';

const page = readFileSync(new URL('../../docs/format.md', import.meta.url), 'utf8');
const section = (number: number) => page.split(/^## /m).find((text) => text.startsWith(`${String(number)}.`))!;
/** The keys that the tables of a section document, `a.b` for a key within. */
const documented = (number: number) =>
  [...section(number).matchAll(/^\| ((?:`[^`|]+`(?:, | or )?)+) \|/gm)].flatMap(([, cell]) => {
    let base = '';
    return [...cell.matchAll(/`([^`]+)`/g)].map(([, key]) => {
      if (key.startsWith('.')) return `${base}${key}`;
      base = key.split('.')[0];
      return key;
    });
  });

test('docs/format.md documents every key of a receipt, in order', () => {
  const receipt = JSON.parse(new TextDecoder().decode(receiptBytes(receiptOf({ rehearsed: true })))) as Record<
    string,
    unknown
  >;
  const keys = Object.entries(receipt).flatMap(([key, value]) => {
    if (key === 'keyProof' || typeof value !== 'object') return [key];
    return Object.keys(value as object).map((inner) => `${key}.${inner}`);
  });
  expect(documented(4).map((key) => key.replace('[]', ''))).toEqual(keys);
});

test('docs/format.md documents every key of a ledger line, in order', async () => {
  const { state, ledger, receipts } = await ledgerOf(tempDir(), 1);
  await ledger.append({
    kind: 'superseded',
    depositId: receipts[0].receipt.depositId,
    receiptSha256: 'ab'.repeat(32),
    time: '2026-11-22T00:30:00Z',
    supersedes: receipts[0].sha256,
  });
  await ledger.append({
    kind: 'destroyed',
    depositId: receipts[0].receipt.depositId,
    receiptSha256: 'ab'.repeat(32),
    time: '2027-02-01T10:00:00Z',
    destroyed: '2027-01-31',
  });
  expect((await Ledger.open(state)).lines).toHaveLength(3);
  const { raw } = await readLedger(state);
  const keys = [...new Set(raw.flatMap(({ bytes }) => Object.keys(JSON.parse(bytes.toString()) as object)))];
  expect(documented(7)).toEqual(keys);
});

test('docs/format.md documents every key of a run record', () => {
  const schema = JSON.parse(readFileSync(new URL('../../schemas/run-1.schema.json', import.meta.url), 'utf8')) as {
    properties: object;
  };
  expect(documented(8).sort()).toEqual(Object.keys(schema.properties).sort());
});

test('docs/format.md documents every key of an attestation, in order', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../schemas/attestation-1.schema.json', import.meta.url), 'utf8'),
  ) as { properties: object };
  expect(documented(10)).toEqual(Object.keys(schema.properties));
});

test("the key proof's example in docs/format.md is the one that the code computes", () => {
  const [, id] = /deposit id\n`([^`]+)`/.exec(section(5))!;
  const opening = openingOf(
    Uint8Array.from({ length: 32 }, (_, i) => i),
    new TextEncoder().encode('pkesk packets'),
    id,
  );
  expect(section(5)).toContain(`opening    = ${Buffer.from(opening).toString('hex')}\n`);
  expect(section(5)).toContain(`commitment = ${commitmentOf(opening)}\n`);
});
