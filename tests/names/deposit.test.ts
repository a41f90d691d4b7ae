import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDepotError } from '../../src/errors.js';
import {
  newDepositId,
  parseDepositId,
  parseReceiptName,
  parseSuitcaseName,
  parseTimestamp,
  partialName,
  receiptName,
  sidecarNames,
  suitcaseName,
  supersededReceiptName,
  timestamp,
  type Compression,
} from '../../src/names/deposit.js';

const at = new Date('2026-11-22T00:30:00.987Z');
const id = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';

describe('deposit ids', () => {
  test('say whose deposit it is and when it was begun, and differ within one second', () => {
    const one = newDepositId('acme-crm', at);
    expect(one).toMatch(/^acme-crm_20261122T003000Z_[0-9a-f]{16}$/);
    expect(newDepositId('acme-crm', at)).not.toBe(one);
    expect(parseDepositId(id)).toEqual({
      arrangement: 'acme-crm',
      at: new Date('2026-11-22T00:30:00Z'),
      random: '5f0c9a1e77b2d410',
    });
  });

  test('come back from their text, for any arrangement and time', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,40}$/),
        fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
        (arrangement, when) => {
          const parts = parseDepositId(newDepositId(arrangement, when));
          expect(parts?.arrangement).toBe(arrangement);
          expect(timestamp(parts!.at)).toBe(timestamp(when));
        },
      ),
    );
  });

  test.each(['', 'Acme', '-a', 'a/b', 'a'.repeat(42), 'é'])('%j names no arrangement', (name) => {
    expect(() => newDepositId(name, at)).toThrow(expect.toSatisfy((e) => isDepotError(e, 'usage')));
  });

  test.each([
    '',
    'acme-crm',
    `${id} `,
    `${id}\n`,
    `../${id}`,
    id.toUpperCase(),
    id.slice(0, -1),
    `${id}0`,
    'acme-crm_20261322T003000Z_5f0c9a1e77b2d410',
    'acme-crm_20260230T003000Z_5f0c9a1e77b2d410',
    'acme-crm_20261122T246000Z_5f0c9a1e77b2d410',
  ])('%j is no deposit id', (text) => {
    expect(parseDepositId(text)).toBeNull();
  });
});

describe('file names', () => {
  test.each<[Compression, string]>([
    ['none', '.tar.pgp'],
    ['gzip', '.tar.gz.pgp'],
    ['zstd', '.tar.zst.pgp'],
  ])('a suitcase with %s ends in %s', (compression, end) => {
    expect(suitcaseName(id, compression)).toBe(id + end);
    expect(parseSuitcaseName(id + end)).toEqual({ depositId: id, compression });
  });

  test('of partials are hidden, of sidecars end with the receipt', () => {
    expect(partialName(id)).toBe(`.${id}.partial`);
    expect(sidecarNames(id)).toEqual([`${id}.cover.md`, `${id}.receipt.json.asc`, `${id}.receipt.json`]);
  });

  test('of receipts say which deposit and whether they were superseded', () => {
    expect(parseReceiptName(receiptName(id))).toEqual({ depositId: id, superseded: null });
    expect(parseReceiptName(supersededReceiptName(id, 12))).toEqual({ depositId: id, superseded: 12 });
  });

  test.each([`${id}.tar.bz2.pgp`, `${id}.pgp`, `x/${id}.tar.pgp`, `.${id}.tar.pgp`])('%j is no suitcase', (name) => {
    expect(parseSuitcaseName(name)).toBeNull();
  });

  test.each([
    `${id}.receipt.json.asc`,
    `${id}.receipt.0.json`,
    `.${id}.receipt.json.123456789abc.tmp`,
    'x.receipt.json',
  ])('%j is no receipt', (name) => {
    expect(parseReceiptName(name)).toBeNull();
  });
});

test.each([
  '2026-11-22T00:30:00.000Z',
  '2026-11-22T00:30:00+00:00',
  '2026-02-30T00:00:00Z',
  '2026-11-22',
  '+102026-11-22T00:30:00Z',
])('%j is no time', (text) => {
  expect(parseTimestamp(text)).toBeNull();
});
