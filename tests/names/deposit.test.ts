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
  test('have the arrangement and the time of the start, and differ within one second', () => {
    const one = newDepositId('acme-crm', at);
    expect(one).toMatch(/^acme-crm_20261122T003000Z_[0-9a-f]{16}$/);
    expect(newDepositId('acme-crm', at)).not.toBe(one);
    expect(parseDepositId(id)).toEqual({
      arrangement: 'acme-crm',
      at: new Date('2026-11-22T00:30:00Z'),
      random: '5f0c9a1e77b2d410',
    });
  });

  test('can be parsed back, for any arrangement and time', () => {
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

  test.each(['', 'Acme', '-a', 'a/b', 'a'.repeat(42), 'é'])(
    'are not made for %j, which is not the name of an arrangement',
    (name) => {
      expect(() => newDepositId(name, at)).toThrow(expect.toSatisfy((e) => isDepotError(e, 'usage')));
    },
  );

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
  ])('%j is not a deposit id', (text) => {
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

  test('of partials are hidden; those of sidecars are in order, the receipt last', () => {
    expect(partialName(id)).toBe(`.${id}.partial`);
    expect(sidecarNames(id)).toEqual([`${id}.cover.md`, `${id}.receipt.json.asc`, `${id}.receipt.json`]);
  });

  test('of receipts have the deposit id, and whether they were superseded', () => {
    expect(parseReceiptName(receiptName(id))).toEqual({ depositId: id, superseded: null });
    expect(parseReceiptName(supersededReceiptName(id, 12))).toEqual({ depositId: id, superseded: 12 });
  });

  test.each([`${id}.tar.bz2.pgp`, `${id}.pgp`, `x/${id}.tar.pgp`, `.${id}.tar.pgp`])(
    '%j is not the name of a suitcase',
    (name) => {
      expect(parseSuitcaseName(name)).toBeNull();
    },
  );

  test.each([
    `${id}.receipt.json.asc`,
    `${id}.receipt.0.json`,
    `.${id}.receipt.json.123456789abc.tmp`,
    'x.receipt.json',
  ])('%j is not the name of a receipt', (name) => {
    expect(parseReceiptName(name)).toBeNull();
  });
});

test.each([
  '2026-11-22T00:30:00.000Z',
  '2026-11-22T00:30:00+00:00',
  '2026-02-30T00:00:00Z',
  '2026-11-22',
  '+102026-11-22T00:30:00Z',
])('%j is not a timestamp', (text) => {
  expect(parseTimestamp(text)).toBeNull();
});
