import { expect, test } from 'vitest';

import { partName, partSuffix } from '../../src/names/archive.js';
import { arrangementPattern, parseArrangementName } from '../../src/names/arrangement.js';
import { newDepositId, parsePartialName, partialName, receiptName } from '../../src/names/deposit.js';
import { ledgerIdPattern, sha256Pattern } from '../../src/names/digest.js';
import { sourceNameProblem } from '../../src/names/source.js';
import { supplierPattern } from '../../src/names/supplier.js';

test('names of arrangements are lower-case letters, digits and hyphens, at most 41', () => {
  for (const good of ['a', 'acme-crm', '0', 'a'.repeat(41)]) {
    expect(parseArrangementName(good)).toEqual({ value: good });
    expect(arrangementPattern.test(good)).toBe(true);
  }
  for (const bad of ['', '-a', 'A', 'a_b', 'a.b', 'a'.repeat(42), 'a\n', '../a'])
    expect(parseArrangementName(bad), bad).toHaveProperty('wrong');
});

test('names of suppliers have at most 200 characters, none of them control or formatting characters', () => {
  for (const good of ['Acme SaaS B.V.', '株式会社アクメ', 'x'.repeat(200)])
    expect(supplierPattern.test(good)).toBe(true);
  for (const bad of ['', 'a\nb', 'a\u00adb', 'a\u2028b', 'x'.repeat(201)])
    expect(supplierPattern.test(bad), bad).toBe(false);
});

test('names of sources are safe as file names, at most 240 bytes long, and unlike those of parts', () => {
  for (const good of ['export', 'crm.bak', '株式会社', 'x.part-', 'x.part-1a', 'part-000001', 'é'.repeat(120)])
    expect(sourceNameProblem(good), good).toBeNull();
  for (const bad of ['', '.', '..', 'a/b', 'a\\b', 'a\0b', 'a\u202eb', '\ud800', 'é'.repeat(121)])
    expect(sourceNameProblem(bad), bad).not.toBeNull();
  for (const part of ['x.part-000001', 'x.PART-1', '.part-9999999'])
    expect(sourceNameProblem(part), part).toContain('pieces of long files');
});

test('names of parts count only directly under data/ and DEPOT/, and with six digits', () => {
  expect(partName(`data/crm.dump${partSuffix(12)}`)).toEqual({ joined: 'data/crm.dump', number: 12 });
  expect(partName('DEPOT/manifest.ndjson.part-000001')?.joined).toBe('DEPOT/manifest.ndjson');
  for (const other of [
    'data/a/b.part-000001',
    'x.part-000001',
    'data/x.part-1',
    'data/..part-000001',
    'data/x.PART-000001',
  ])
    expect(partName(other), other).toBeNull();
});

test("a SHA-256 and a ledger id in depot's own files are lower-case digits of the right length", () => {
  expect(sha256Pattern.test('0a'.repeat(32))).toBe(true);
  expect(ledgerIdPattern.test('0a'.repeat(16))).toBe(true);
  for (const bad of ['0A'.repeat(32), '0a'.repeat(31), `${'0a'.repeat(32)}\n`]) {
    expect(sha256Pattern.test(bad), bad).toBe(false);
    expect(ledgerIdPattern.test(bad), bad).toBe(false);
  }
});

test('the name of a partial says which file it will be, also if an earlier partial was in the way', () => {
  const id = newDepositId('acme-crm', new Date('2026-11-22T00:30:00Z'));
  expect(parsePartialName(partialName(id))).toEqual({ depositId: id, of: id });
  expect(parsePartialName(`.${id}.0123abcd.partial`)).toEqual({ depositId: id, of: id });
  expect(parsePartialName(`.${receiptName(id)}.0123abcd.partial`)).toEqual({ depositId: id, of: receiptName(id) });
  for (const other of [
    `${id}.partial`,
    `.${id}.0123ABCD.partial`,
    `.${id}.tar.pgp.partial`,
    `.${id}.x.partial`,
    '..partial',
  ])
    expect(parsePartialName(other), other).toBeNull();
});
