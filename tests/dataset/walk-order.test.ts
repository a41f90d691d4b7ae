import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromText } from '../../src/dataset/bytestring.js';
import { NameSet } from '../../src/dataset/name-set.js';
import { WalkOrder } from '../../src/dataset/walk-order.js';

test('a set of names says what was added before', () => {
  fc.assert(fc.property(fc.array(fc.string({ maxLength: 4 })), (names) => {
    const set = new NameSet();
    const model = new Set<string>();
    for (const name of names) {
      expect(set.add(name)).toBe(!model.has(name));
      model.add(name);
    }
  }));
});

test('names that differ little are told apart, and take few octets', () => {
  const set = new NameSet();
  const names = Array.from({ length: 200_000 }, (_, i) => `2026-11-22_invoice_${i}.pdf`);
  expect(names.every((name) => set.add(name))).toBe(true);
  expect(names.some((name) => set.add(name))).toBe(false);
  expect(set.octets).toBeLessThan(names.length * 24);
});

test('only the names of the open directories are remembered', () => {
  const order = new WalkOrder(4096);
  for (let i = 0; i < 2000; i++) {
    if (i % 20 === 0) expect(order.next(fromText(`data/${Math.floor(i / 20)}`), true)).toBe(null);
    expect(order.next(fromText(`data/${Math.floor(i / 20)}/${i}`), false)).toBe(null);
  }
  expect(order.overflowed).toBe(false);
});

test('where there are too many names in a directory, that is said', () => {
  const order = new WalkOrder(4096);
  order.next(fromText('data/d'), true);
  for (let i = 0; i < 1000; i++) expect(order.next(fromText(`data/d/${i}`), false)).toBe(null);
  expect(order.overflowed).toBe(true);
  expect(order.next(fromText('data/d'), true)).toBe('comes twice');
});
